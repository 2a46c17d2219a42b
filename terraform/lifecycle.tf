# No rule ends or moves a current object that the archive reads: heads and their segments must be readable together.
resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"

    filter {
      prefix = local.prefix
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = var.unfinished_upload_days
    }
  }

  # What a check of the store leaves when it is killed; nothing reads it later.
  rule {
    id     = "left-by-checks"
    status = "Enabled"

    filter {
      prefix = "${local.prefix}check/"
    }

    expiration {
      days = 7
    }
  }

  dynamic "rule" {
    for_each = var.versioning ? [1] : []

    content {
      id     = "earlier-versions"
      status = "Enabled"

      filter {
        prefix = local.prefix
      }

      noncurrent_version_expiration {
        noncurrent_days = var.noncurrent_days
      }

      # Removes delete markers with nothing behind them, and no object.
      expiration {
        expired_object_delete_marker = true
      }
    }
  }

  # By size, for the records beside the packs are small, change, and stay where they are.
  dynamic "rule" {
    for_each = var.pack_class == null ? [] : [var.pack_class]

    content {
      id     = "packs"
      status = "Enabled"

      filter {
        and {
          prefix                   = "${local.prefix}cold/"
          object_size_greater_than = 131072
        }
      }

      transition {
        days          = var.pack_class_days
        storage_class = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.archive]
}
