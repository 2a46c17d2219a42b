locals {
  functions = merge(
    length(module.maintenance) == 0 ? {} : { maintenance = "${var.bucket}-maintenance" },
    length(module.agent) == 0 ? {} : { agent = "${var.bucket}-agent" },
  )
}

resource "aws_cloudwatch_metric_alarm" "failures" {
  for_each            = local.functions
  alarm_name          = "${each.value}-failures"
  alarm_description   = "The function fails: see its log."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = each.value }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "log_length" {
  count               = length(module.maintenance)
  alarm_name          = "${var.bucket}-log-length"
  alarm_description   = "The index's log is not merged as fast as it grows, and listings slow down: run the maintenance function more often."
  namespace           = "s3store"
  metric_name         = "LogLength"
  dimensions          = { FunctionName = "${var.bucket}-maintenance" }
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_log_length
  treat_missing_data  = "missing"
  alarm_actions       = var.alarm_topics
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "restore_queue" {
  count               = length(module.maintenance)
  alarm_name          = "${var.bucket}-restore-queue"
  alarm_description   = "Many packs are being restored at once, which costs by the gigabyte: see who has asked for it, and for what."
  namespace           = "s3store"
  metric_name         = "Restoring"
  dimensions          = { FunctionName = "${var.bucket}-maintenance" }
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_restoring
  treat_missing_data  = "missing"
  alarm_actions       = var.alarm_topics
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "maintenance" {
  count               = length(module.maintenance)
  alarm_name          = "${var.bucket}-maintenance-left"
  alarm_description   = "Maintenance ran, and some of it failed: the function's log says what."
  namespace           = "s3store"
  metric_name         = "Failures"
  dimensions          = { FunctionName = "${var.bucket}-maintenance" }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  count               = var.agent == null ? 0 : 1
  alarm_name          = "${var.bucket}-agent-dead-letters"
  alarm_description   = "Events came too often without success. What they speak of still waits in the inboxes: send the dead letters back once the cause is gone."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  tags                = local.tags
}
