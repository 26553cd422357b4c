"""The bucket for packages, a stack of its own: it must be there before the house that is made from them."""

from doorward.deploy.aws.template import Fragment, Map, att, excused, joined, private_bucket, ref, resource, sub


def artifacts() -> Map:
    """The template."""
    bucket = private_bucket()
    policy = resource(
        "AWS::S3::BucketPolicy",
        {
            "Bucket": ref("Artifacts"),
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "OnlyTls",
                        "Effect": "Deny",
                        "Principal": {"AWS": "*"},
                        "Action": "s3:*",
                        "Resource": [att("Artifacts", "Arn"), sub("${Artifacts.Arn}/*")],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            },
        },
    )
    fragment = Fragment(
        resources={
            "Artifacts": excused(bucket, CKV_AWS_18="Only who deploys reads it; CloudTrail says who did."),
            "ArtifactsPolicy": policy,
        },
        outputs={"Bucket": {"Value": ref("Artifacts")}},
    )
    return joined("Doorward: packages to deploy.", [fragment])
