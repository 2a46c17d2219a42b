variable "bucket" {
  description = "Name of the bucket to create."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket's name has 3 to 63 small letters, digits and hyphens (and no dot, which TLS does not bear)."
  }
}

variable "prefix" {
  description = "Prefix of the archive in the bucket, without a slash at its end; empty for the whole bucket."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?$", var.prefix))
    error_message = "A prefix is of letters, digits, hyphens and underscores, with slashes between: agents, or team/agents."
  }
}

variable "kms" {
  description = "Encrypt with a KMS key of the bucket's own (SSE-KMS with a bucket key); otherwise by SSE-S3."
  type        = bool
  default     = false
}

variable "versioning" {
  description = "Keep earlier versions of every object. Heads get one at each commit: see noncurrent_days."
  type        = bool
  default     = false
}

variable "noncurrent_days" {
  description = "Days that earlier versions and the traces of deletes are kept, where versioning is on."
  type        = number
  default     = 7

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days is a whole number from 1 on."
  }
}

variable "object_lock_days" {
  description = "Days for which no version can be removed (Object Lock, governance mode); null for no lock. Wants versioning."
  type        = number
  default     = null

  validation {
    condition     = var.object_lock_days == null || try(var.object_lock_days >= 1 && var.versioning, false)
    error_message = "object_lock_days is 1 or more, and Object Lock wants versioning = true."
  }
}

variable "unfinished_upload_days" {
  description = "Days after which an upload in parts that was never finished is removed; longer than any upload takes."
  type        = number
  default     = 7

  validation {
    condition     = var.unfinished_upload_days >= 1 && floor(var.unfinished_upload_days) == var.unfinished_upload_days
    error_message = "unfinished_upload_days is a whole number from 1 on."
  }
}

variable "pack_class" {
  description = "Storage class that packs of idle sessions (cold/, over 128 KiB) move to; null leaves them as they were written. Only classes that are read without a restore."
  type        = string
  default     = null

  validation {
    condition     = var.pack_class == null || try(contains(["STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "INTELLIGENT_TIERING"], var.pack_class), false)
    error_message = "pack_class is STANDARD_IA, ONEZONE_IA, GLACIER_IR or INTELLIGENT_TIERING: a class that must be restored first would hide packs that are taken to be readable."
  }
}

variable "pack_class_days" {
  description = "Age in days at which packs move to pack_class (S3 wants 30 for the IA classes)."
  type        = number
  default     = 30

  validation {
    condition     = var.pack_class_days >= 30
    error_message = "pack_class_days is 30 or more."
  }
}

variable "force_destroy" {
  description = "Let terraform destroy remove the bucket with all sessions in it."
  type        = bool
  default     = false
}

variable "access_log_bucket" {
  description = "Name of a bucket that S3 writes access logs to; null for none."
  type        = string
  default     = null
}

variable "trusted" {
  description = "Who may assume which role: a list of principal ARNs for reader, writer and maintainer. A role that nobody is named for is not created; its policy is."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for role in keys(var.trusted) : contains(["reader", "writer", "maintainer"], role)])
    error_message = "trusted names reader, writer and maintainer."
  }

  validation {
    condition     = alltrue([for principal in flatten(values(var.trusted)) : can(regex("^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:", principal))])
    error_message = "trusted holds ARNs of IAM or STS principals; nobody is trusted by a *."
  }
}

variable "maintenance" {
  description = "A function that keeps the archive in order on a schedule; null for none. zip is what build_zip.py makes."
  type = object({
    zip          = string
    schedule     = optional(string, "rate(1 hour)")
    memory_mb    = optional(number, 512)
    timeout      = optional(number, 900)
    log_days     = optional(number, 30)
    architecture = optional(string, "x86_64")
  })
  default = null

  validation {
    condition     = var.maintenance == null || can(regex("^(rate|cron)\\(.+\\)$", var.maintenance.schedule))
    error_message = "maintenance.schedule is rate(...) or cron(...)."
  }
}

variable "agent" {
  description = "A function that runs an agent, woken through a queue by messages in inboxes; null for none. zip is what build_zip.py makes of s3store and your handler."
  type = object({
    zip             = string
    handler         = string
    memory_mb       = optional(number, 1024)
    timeout         = optional(number, 300)
    log_days        = optional(number, 30)
    architecture    = optional(string, "x86_64")
    max_concurrency = optional(number, 10)
    max_receives    = optional(number, 10)
    environment     = optional(map(string), {})
  })
  default = null

  validation {
    condition     = var.agent == null || try(var.agent.max_concurrency >= 2 && var.agent.max_concurrency <= 1000, false)
    error_message = "agent.max_concurrency is 2 to 1000."
  }
}

variable "alarm_topics" {
  description = "ARNs of SNS topics that are told when something is wrong."
  type        = list(string)
  default     = []
}

variable "alarm_log_length" {
  description = "Entries in the index's log over which the alarm of the maintenance function goes off."
  type        = number
  default     = 20000
}

variable "alarm_restoring" {
  description = "Packs that are being restored at once over which an alarm goes off, as the maintenance function counts them."
  type        = number
  default     = 100
}

variable "tags" {
  description = "Tags of every resource, beside s3store-archive, the name of the bucket."
  type        = map(string)
  default     = {}
}
