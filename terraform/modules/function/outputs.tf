output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.function.arn
}

output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.function.function_name
}

output "role_name" {
  description = "Name of its role."
  value       = aws_iam_role.function.name
}
