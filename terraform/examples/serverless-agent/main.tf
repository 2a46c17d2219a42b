provider "aws" {
  region = "eu-central-1"
}

variable "maintenance_zip" {
  type    = string
  default = "../../../build/s3store-maintenance.zip"
}

variable "agent_zip" {
  type    = string
  default = "../../../build/s3store-agent.zip"
}

module "archive" {
  source      = "../.."
  bucket      = "my-agents-sessions"
  maintenance = { zip = var.maintenance_zip }

  agent = {
    zip     = var.agent_zip
    handler = "serverless_agent.handler"
  }
}

output "url" {
  value = module.archive.url
}

output "queue_url" {
  value = module.archive.queue_url
}
