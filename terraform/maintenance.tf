module "maintenance" {
  count        = var.maintenance == null ? 0 : 1
  source       = "./modules/function"
  name         = "${var.bucket}-maintenance"
  handler      = "s3store_maintenance.handler"
  zip          = var.maintenance.zip
  memory_mb    = var.maintenance.memory_mb
  timeout      = var.maintenance.timeout
  log_days     = var.maintenance.log_days
  architecture = var.maintenance.architecture
  environment  = { S3STORE_URL = local.url }
  policy_arns  = merge({ access = aws_iam_policy.access["maintainer"].arn }, var.kms ? { key = aws_iam_policy.key["maintainer"].arn } : {})
  tags         = local.tags
}

resource "aws_cloudwatch_event_rule" "maintenance" {
  count               = length(module.maintenance)
  name                = "${var.bucket}-maintenance"
  description         = "Upkeep of the archive in ${var.bucket}"
  schedule_expression = var.maintenance.schedule
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "maintenance" {
  count = length(module.maintenance)
  rule  = aws_cloudwatch_event_rule.maintenance[0].name
  arn   = module.maintenance[0].arn
}

resource "aws_lambda_permission" "maintenance" {
  count         = length(module.maintenance)
  action        = "lambda:InvokeFunction"
  function_name = module.maintenance[0].name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.maintenance[0].arn
}
