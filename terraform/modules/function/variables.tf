variable "name" {
  description = "Name of the function, its role and its log group."
  type        = string
}

variable "zip" {
  description = "Path of the zip."
  type        = string
}

variable "handler" {
  description = "Module and name of the handler."
  type        = string
}

variable "memory_mb" {
  description = "Memory in MB; the processor grows with it."
  type        = number
}

variable "timeout" {
  description = "Seconds after which the function is killed, at most 900."
  type        = number

  validation {
    condition     = var.timeout >= 30 && var.timeout <= 900
    error_message = "timeout is 30 to 900 seconds: the handlers keep some of it to end in."
  }
}

variable "log_days" {
  description = "Days that its log is kept."
  type        = number
}

variable "architecture" {
  description = "x86_64 or arm64, as the zip was built for."
  type        = string

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is x86_64 or arm64."
  }
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
}

variable "policy_arns" {
  description = "Policies of its role beside that of its log, by names of the caller's."
  type        = map(string)
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}
