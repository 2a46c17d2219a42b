"""`s3store completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(name="completion", short_help="Print the script that completes commands in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, *, shell: str) -> None:
    r"""Print the script that completes commands and options in a shell.

    \b
    bash:  s3store completion bash > ~/.local/share/bash-completion/completions/s3store
    zsh:   s3store completion zsh > "${fpath[1]}/_s3store"
    fish:  s3store completion fish > ~/.config/fish/completions/s3store.fish
    """
    completer = get_completion_class(shell)
    if completer is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(completer(ctx.find_root().command, {}, "s3store", "_S3STORE_COMPLETE").source())
