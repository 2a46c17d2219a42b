provider "aws" {
  region = "eu-central-1"
}

variable "account" {
  type    = string
  default = "123456789012"
}

variable "maintenance_zip" {
  type    = string
  default = "../../../build/s3store-maintenance.zip"
}

module "archive" {
  source            = "../.."
  bucket            = "my-agents-sessions"
  prefix            = "production"
  kms               = true
  versioning        = true
  noncurrent_days   = 14
  pack_class        = "GLACIER_IR"
  access_log_bucket = "my-access-logs"
  alarm_topics      = ["arn:aws:sns:eu-central-1:${var.account}:on-call"]
  tags              = { team = "agents", stage = "production" }

  trusted = {
    reader     = ["arn:aws:iam::${var.account}:role/analysts"]
    writer     = ["arn:aws:iam::${var.account}:role/agents"]
    maintainer = ["arn:aws:iam::${var.account}:role/operators"]
  }

  maintenance = {
    zip      = var.maintenance_zip
    schedule = "rate(30 minutes)"
  }
}

output "archive" {
  value = module.archive
}
