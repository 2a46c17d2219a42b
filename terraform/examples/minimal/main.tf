provider "aws" {
  region = "eu-central-1"
}

module "archive" {
  source  = "../.."
  bucket  = "my-agents-sessions"
  trusted = { writer = ["arn:aws:iam::123456789012:role/agents"] }
}

output "url" {
  value = module.archive.url
}
