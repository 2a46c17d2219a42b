# A message in an inbox rings a bell, S3 tells the queue that the bell was created, and the queue wakes the agent.
resource "aws_sqs_queue" "dead" {
  count                     = var.agent == null ? 0 : 1
  name                      = "${var.bucket}-agent-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = local.tags
}

resource "aws_sqs_queue" "agent" {
  count = var.agent == null ? 0 : 1
  name  = "${var.bucket}-agent"
  # As Lambda asks: a batch that a killed function held comes back after the lease that it had on its messages.
  visibility_timeout_seconds = 6 * var.agent.timeout
  message_retention_seconds  = 1209600
  sqs_managed_sse_enabled    = true
  tags                       = local.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[0].arn
    maxReceiveCount     = var.agent.max_receives
  })
}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "queue" {
  count = var.agent == null ? 0 : 1

  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.agent[0].arn]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.archive.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_sqs_queue_policy" "agent" {
  count     = var.agent == null ? 0 : 1
  queue_url = aws_sqs_queue.agent[0].id
  policy    = data.aws_iam_policy_document.queue[0].json
}

resource "aws_s3_bucket_notification" "agent" {
  count  = var.agent == null ? 0 : 1
  bucket = aws_s3_bucket.archive.id

  queue {
    queue_arn     = aws_sqs_queue.agent[0].arn
    events        = ["s3:ObjectCreated:Put"]
    filter_prefix = "${local.prefix}mail/"
  }

  depends_on = [aws_sqs_queue_policy.agent]
}

module "agent" {
  count        = var.agent == null ? 0 : 1
  source       = "./modules/function"
  name         = "${var.bucket}-agent"
  handler      = var.agent.handler
  zip          = var.agent.zip
  memory_mb    = var.agent.memory_mb
  timeout      = var.agent.timeout
  log_days     = var.agent.log_days
  architecture = var.agent.architecture
  environment  = merge(var.agent.environment, { S3STORE_URL = local.url })
  policy_arns  = merge({ access = aws_iam_policy.access["writer"].arn }, var.kms ? { key = aws_iam_policy.key["writer"].arn } : {})
  tags         = local.tags
}

data "aws_iam_policy_document" "receive" {
  count = var.agent == null ? 0 : 1

  statement {
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.agent[0].arn]
  }
}

resource "aws_iam_role_policy" "receive" {
  count  = var.agent == null ? 0 : 1
  name   = "queue"
  role   = module.agent[0].role_name
  policy = data.aws_iam_policy_document.receive[0].json
}

resource "aws_lambda_event_source_mapping" "agent" {
  count                   = var.agent == null ? 0 : 1
  event_source_arn        = aws_sqs_queue.agent[0].arn
  function_name           = module.agent[0].arn
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = local.tags

  scaling_config {
    maximum_concurrency = var.agent.max_concurrency
  }

  depends_on = [aws_iam_role_policy.receive]
}
