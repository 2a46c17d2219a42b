locals {
  roles = toset(["reader", "writer", "maintainer"])
  access_policies = {
    for role in local.roles : role => templatefile("${path.module}/policies/${role}.json.tftpl", {
      bucket_arn = aws_s3_bucket.archive.arn
      prefix     = local.prefix
    })
  }
  key_actions = {
    reader     = ["kms:Decrypt"]
    writer     = ["kms:Decrypt", "kms:GenerateDataKey"]
    maintainer = ["kms:Decrypt", "kms:GenerateDataKey"]
  }
}

resource "aws_iam_policy" "access" {
  for_each    = local.roles
  name        = "${var.bucket}-${each.key}"
  description = "What a ${each.key} of the archive in ${var.bucket} may do"
  policy      = local.access_policies[each.key]
  tags        = local.tags
}

resource "aws_iam_policy" "key" {
  for_each    = var.kms ? local.roles : toset([])
  name        = "${var.bucket}-${each.key}-key"
  description = "The key of ${var.bucket}, by way of S3 alone"
  policy = templatefile("${path.module}/policies/kms.json.tftpl", {
    actions = jsonencode(local.key_actions[each.key])
    key_arn = aws_kms_key.archive[0].arn
    region  = data.aws_region.current.name
  })
  tags = local.tags
}

data "aws_iam_policy_document" "trust" {
  for_each = var.trusted

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = each.value
    }
  }
}

resource "aws_iam_role" "access" {
  for_each           = var.trusted
  name               = "${var.bucket}-${each.key}"
  description        = "A ${each.key} of the archive in ${var.bucket}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "access" {
  for_each   = var.trusted
  role       = aws_iam_role.access[each.key].name
  policy_arn = aws_iam_policy.access[each.key].arn
}

resource "aws_iam_role_policy_attachment" "key" {
  for_each   = var.kms ? var.trusted : {}
  role       = aws_iam_role.access[each.key].name
  policy_arn = aws_iam_policy.key[each.key].arn
}
