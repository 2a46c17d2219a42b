# Plans of the module, against a provider that knows the resources and reaches nothing.
mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::sessions" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/p" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/r" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:123456789012:q" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:f" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:123456789012:rule/r" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:l" }
  }
}

variables {
  bucket = "sessions"
}

run "minimal" {
  assert {
    condition     = output.url == "s3://sessions/" && output.kms_key_arn == null && output.queue_url == null
    error_message = "A bucket and nothing else."
  }

  assert {
    condition     = length(aws_s3_bucket_versioning.archive) == 0 && output.role_arns == {} && output.function_arns == {}
    error_message = "What nobody asked for is not made."
  }

  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.archive.rule : length(rule.transition) == 0])
    error_message = "Nothing moves to another class unasked."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.archive.rule :
      one(rule.filter).prefix == "check/" if length(rule.expiration) > 0
    ])
    error_message = "Nothing is expired but what checks leave."
  }
}

run "everything" {
  variables {
    prefix            = "team/agents"
    kms               = true
    versioning        = true
    object_lock_days  = 3
    pack_class        = "GLACIER_IR"
    access_log_bucket = "logs"
    trusted           = { reader = ["arn:aws:iam::123456789012:role/a"], maintainer = ["arn:aws:iam::123456789012:root"] }
    maintenance       = { zip = "versions.tf" }
    agent             = { zip = "versions.tf", handler = "serverless_agent.handler", timeout = 100 }
    alarm_restoring   = 7
    tags              = { team = "agents" }
  }

  assert {
    condition     = output.url == "s3://sessions/team/agents" && keys(output.role_arns) == ["maintainer", "reader"]
    error_message = "The prefix is part of the URL; only roles that somebody is trusted with are made."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.archive.rule :
      one(one(rule.filter).and).prefix == "team/agents/cold/" if length(rule.transition) > 0
    ])
    error_message = "Nothing but packs moves to another class."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.archive.rule :
      one(rule.filter).prefix == "team/agents/check/" || one(rule.expiration).expired_object_delete_marker == true
      if length(rule.expiration) > 0
    ])
    error_message = "Nothing is expired but what checks leave, and delete markers with nothing behind them."
  }

  assert {
    condition     = strcontains(aws_s3_bucket_policy.archive.policy, "arn:aws:s3:::sessions/team/agents/index/manifest.json")
    error_message = "The bucket's policy is for the archive's prefix."
  }

  assert {
    condition     = one(aws_s3_bucket_notification.agent[0].queue).filter_prefix == "team/agents/mail/"
    error_message = "Only bells wake the agent."
  }

  assert {
    condition     = aws_sqs_queue.agent[0].visibility_timeout_seconds == 600
    error_message = "What a killed function held comes back after its leases."
  }

  assert {
    condition     = aws_s3_bucket.archive.tags == tomap({ "s3store-archive" = "sessions", team = "agents" })
    error_message = "Resources have the caller's tags and our own."
  }

  assert {
    condition     = keys(output.function_arns) == ["agent", "maintenance"] && length(aws_cloudwatch_metric_alarm.failures) == 2
    error_message = "Each function has an alarm for its failures."
  }

  assert {
    condition = { for alarm in concat(aws_cloudwatch_metric_alarm.log_length, aws_cloudwatch_metric_alarm.restore_queue) :
      alarm.metric_name => [alarm.threshold, alarm.dimensions["FunctionName"]] } == {
      LogLength = [20000, "sessions-maintenance"], Restoring = [7, "sessions-maintenance"]
    }
    error_message = "What the maintenance function tells of has its alarms."
  }
}

run "names_with_dots_are_refused" {
  command = plan

  variables {
    bucket = "my.bucket"
  }

  expect_failures = [var.bucket]
}

run "a_slash_at_the_end_of_the_prefix_is_refused" {
  command = plan

  variables {
    prefix = "agents/"
  }

  expect_failures = [var.prefix]
}

run "a_lock_wants_versioning" {
  command = plan

  variables {
    object_lock_days = 3
  }

  expect_failures = [var.object_lock_days]
}

run "packs_stay_readable" {
  command = plan

  variables {
    pack_class = "DEEP_ARCHIVE"
  }

  expect_failures = [var.pack_class]
}

run "nobody_is_trusted_by_a_star" {
  command = plan

  variables {
    trusted = { writer = ["*"] }
  }

  expect_failures = [var.trusted]
}

run "roles_have_their_names" {
  command = plan

  variables {
    trusted = { admin = [] }
  }

  expect_failures = [var.trusted]
}
