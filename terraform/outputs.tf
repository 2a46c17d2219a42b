output "url" {
  description = "URL of the archive, for S3STORE_URL."
  value       = local.url
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.archive.arn
}

output "kms_key_arn" {
  description = "ARN of the key; null with SSE-S3."
  value       = one(aws_kms_key.archive[*].arn)
}

output "policy_arns" {
  description = "ARNs of the policies of reader, writer and maintainer, for roles of your own."
  value       = { for role, policy in aws_iam_policy.access : role => policy.arn }
}

output "key_policy_arns" {
  description = "ARNs of the policies for the key that these need beside them; empty with SSE-S3."
  value       = { for role, policy in aws_iam_policy.key : role => policy.arn }
}

output "role_arns" {
  description = "ARNs of the roles that somebody is trusted with."
  value       = { for role, made in aws_iam_role.access : role => made.arn }
}

output "queue_url" {
  description = "URL of the queue that wakes the agent; it also takes messages of the form {session_id, message}. Null without an agent."
  value       = one(aws_sqs_queue.agent[*].id)
}

output "dead_letter_queue_url" {
  description = "URL of the queue of dead letters; null without an agent."
  value       = one(aws_sqs_queue.dead[*].id)
}

output "function_arns" {
  description = "ARNs of the functions: maintenance and agent, where there are such."
  value       = merge({ for made in module.maintenance : "maintenance" => made.arn }, { for made in module.agent : "agent" => made.arn })
}
