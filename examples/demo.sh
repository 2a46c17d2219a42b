#!/usr/bin/env bash
# Archives the sample sessions beside this script in a directory, and shows what can be done with them then.
# Needs `s3store` on the PATH. Any step that fails ends the demonstration with an error.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then bold=$'\e[1m' green=$'\e[1;32m' plain=$'\e[0m'; else bold='' green='' plain=''; fi
part() { printf '\n%s── %s%s\n' "$bold" "$1" "$plain"; }
run() { # shows a command and runs it
    printf '%s$ %s%s\n' "$green" "$(shown "$@")" "$plain"
    "$@"
}
shown() {
    local word
    for word in "$@"; do
        if [[ $word =~ ^[[:alnum:]_./:=~+,@-]+$ ]]; then printf '%s ' "$word"; else printf "'%s' " "$word"; fi
    done
}

rm -rf .demo && mkdir .demo
export S3STORE_URL="file://$PWD/.demo/archive"
: > .demo/config.toml # an empty one, so that your own settings stay out of this
export S3STORE_CONFIG=.demo/config.toml
export XDG_CACHE_HOME="$PWD/.demo/cache" # what is searched is kept there

claude=claude-code/-home-mia-weather-cli/5b0c2a7e-93d1-4e0f-8a46-1f7f0f6c2d11
chat=messages/openai/support-chat.jsonl

part 'Bring in the sessions of other tools: Claude Code, Codex, OpenAI messages, SWE-agent, tau-bench'
printf '%s$ export S3STORE_URL=%s%s\n' "$green" "$S3STORE_URL" "$plain"
run s3store import examples/sessions

part 'Once more: only what is new or has grown would be stored'
run s3store import examples/sessions | tee .demo/again
grep -q '^10 unchanged; 0 messages stored$' .demo/again

part 'What is there'
run s3store ls

part 'Read one'
run s3store show --last 10 "$claude"

part 'Go on with one where it ended; the key makes a repeat harmless'
run s3store append --must-exist --text 'Do you also rent cargo bikes?' --key turn-8 "$chat"
run s3store append --must-exist --role assistant --text 'Yes, two of them. They are kept at the Wiehre shop.' --key turn-9 "$chat"
run s3store append --must-exist --role assistant --text 'Yes, two of them. They are kept at the Wiehre shop.' --key turn-9 "$chat"
run s3store tail -n 3 "$chat"

part 'The same in Python'
run python -c '
import os, sys
from s3store import SessionStore

with SessionStore(os.environ["S3STORE_URL"]) as store:
    info = store.append(sys.argv[1], {"role": "user", "content": "Great, see you there!"})
    print(info.count, "messages, version", info.version)
' "$chat"

part 'Find sessions by what was said in them'
run s3store search 'cargo bikes'
run s3store search pytest temperatures --agent claude-code

part 'Keep what belongs to it beside it: files, traces, reports'
run s3store artifacts put "$chat" LICENSE --name terms.txt
run s3store artifacts ls "$chat"
run s3store artifacts get "$chat" terms.txt --out .demo/artifacts
run cmp LICENSE .demo/artifacts/terms.txt

part 'What is stored needs no s3store to be read: zstd and JSON lines'
file=$(find .demo/archive -name transcript.jsonl.zst -path '*support-chat.jsonl*')
if command -v zstd > .demo/which; then
    read_zstd=(zstd -dc)
else # the same in Python
    read_zstd=(python -c 'import sys, zstandard; zstandard.ZstdDecompressor().copy_stream(open(sys.argv[1], "rb"), sys.stdout.buffer)')
fi
printf '%s$ %s| sed -n 9,10p | python -m json.tool --json-lines%s\n' "$green" "$(shown "${read_zstd[@]}" "$file")" "$plain"
"${read_zstd[@]}" "$file" | sed -n 9,10p | python -m json.tool --json-lines

part 'Out again, as the files that came in'
run s3store export --all --format source --out .demo/export
same() {
    run cmp "$1" "$2"
    printf '  the same, byte for byte\n'
}
same examples/sessions/claude-code/projects/*/5b0c2a7e-*.jsonl .demo/export/claude-code*5b0c2a7e-*.jsonl
same examples/sessions/codex/2026/03/14/*.jsonl .demo/export/codex*.jsonl

part 'What is known of one'
run s3store stat "$claude"

part 'Next'
cat << 'TEXT'
Look around in .demo/archive, or put an archive into a bucket:

  export S3STORE_URL=s3://my-bucket/agents
  s3store check                        is the store fit for it, and are my rights enough?
  s3store import ~/.claude/projects    your own sessions; again whenever you like
  s3store ls --limit 20
TEXT
