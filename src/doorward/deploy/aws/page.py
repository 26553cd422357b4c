"""The page: static files in a closed bucket, served by CloudFront with the headers that the house itself would send."""

from doorward.deploy.aws.template import (
    NOTHING,
    Fragment,
    Map,
    att,
    either,
    excused,
    private_bucket,
    ref,
    resource,
    sub,
)

_HSTS_SECONDS = 31536000
_API = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
_SIGN_IN = "https://${UserPoolDomain}.auth.${AWS::Region}.amazoncognito.com"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    f"connect-src 'self' {_API} {_SIGN_IN}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def page(origin: Map) -> Fragment:
    """The bucket and its distribution, which people reach at `origin`."""
    return Fragment(
        resources={
            "PageBucket": _bucket(),
            "PageBucketPolicy": _bucket_policy(),
            "PageAccess": resource(
                "AWS::CloudFront::OriginAccessControl",
                {
                    "OriginAccessControlConfig": {
                        "Name": sub("${AWS::StackName}-page"),
                        "OriginAccessControlOriginType": "s3",
                        "SigningBehavior": "always",
                        "SigningProtocol": "sigv4",
                    }
                },
            ),
            "PageHeaders": _headers(),
            "Page": _distribution(),
        },
        outputs={
            "PageUrl": {"Value": origin},
            # Where the page's own domain must point to (CNAME, or an alias of Route 53).
            "PageTarget": {"Value": att("Page", "DomainName")},
            "PageBucketName": {"Value": ref("PageBucket")},
        },
    )


def _bucket() -> Map:
    return excused(
        private_bucket(),
        CKV_AWS_18="It holds the page that everybody may read; who reads it is CloudFront.",
    )


def _bucket_policy() -> Map:
    return resource(
        "AWS::S3::BucketPolicy",
        {
            "Bucket": ref("PageBucket"),
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "OnlyOurDistribution",
                        "Effect": "Allow",
                        "Principal": {"Service": "cloudfront.amazonaws.com"},
                        "Action": "s3:GetObject",
                        "Resource": sub("${PageBucket.Arn}/*"),
                        "Condition": {
                            "StringEquals": {
                                "AWS:SourceArn": sub(
                                    "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Page}"
                                )
                            }
                        },
                    },
                    {
                        "Sid": "OnlyTls",
                        "Effect": "Deny",
                        "Principal": {"AWS": "*"},
                        "Action": "s3:*",
                        "Resource": [att("PageBucket", "Arn"), sub("${PageBucket.Arn}/*")],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    },
                ],
            },
        },
    )


def _headers() -> Map:
    """INVARIANT: nothing runs, loads or connects but from the page itself, to the API and to the sign-in; and no script
    can make markup or script of a text (Trusted Types without a policy)."""
    return resource(
        "AWS::CloudFront::ResponseHeadersPolicy",
        {
            "ResponseHeadersPolicyConfig": {
                "Name": sub("${AWS::StackName}-page"),
                "SecurityHeadersConfig": {
                    "ContentSecurityPolicy": {"ContentSecurityPolicy": sub(_POLICY), "Override": True},
                    "ContentTypeOptions": {"Override": True},
                    "FrameOptions": {"FrameOption": "DENY", "Override": True},
                    "ReferrerPolicy": {"ReferrerPolicy": "same-origin", "Override": True},
                    "StrictTransportSecurity": {
                        "AccessControlMaxAgeSec": _HSTS_SECONDS,
                        "IncludeSubdomains": True,
                        "Override": True,
                    },
                },
                "CustomHeadersConfig": {
                    "Items": [
                        {"Header": "Cross-Origin-Opener-Policy", "Value": "same-origin", "Override": True},
                        {"Header": "Permissions-Policy", "Value": "camera=(), microphone=()", "Override": True},
                    ]
                },
            }
        },
    )


# An address of the page that is no file, such as that of a conversation; S3 calls it forbidden.
_PLACES: Map = {"ErrorCode": 403, "ResponseCode": 200, "ResponsePagePath": "/index.html", "ErrorCachingMinTTL": 10}


def _distribution() -> Map:
    behaviour: Map = {
        "TargetOriginId": "page",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": ["GET", "HEAD"],
        "Compress": True,
        # AWS's own "CachingOptimized".
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "ResponseHeadersPolicyId": ref("PageHeaders"),
    }
    made = resource(
        "AWS::CloudFront::Distribution",
        {
            "DistributionConfig": {
                "Enabled": True,
                "HttpVersion": "http2and3",
                "IPV6Enabled": True,
                "PriceClass": "PriceClass_100",
                "DefaultRootObject": "index.html",
                "CustomErrorResponses": [_PLACES],
                "Origins": [
                    {
                        "Id": "page",
                        "DomainName": att("PageBucket", "RegionalDomainName"),
                        "OriginAccessControlId": att("PageAccess", "Id"),
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    }
                ],
                "DefaultCacheBehavior": behaviour,
                "ViewerCertificate": either(
                    "HasCertificate",
                    {
                        "AcmCertificateArn": ref("PageCertificateArn"),
                        "SslSupportMethod": "sni-only",
                        "MinimumProtocolVersion": "TLSv1.2_2021",
                    },
                    {"CloudFrontDefaultCertificate": True},
                ),
                "Aliases": either("HasCertificate", [ref("PageDomain")], NOTHING),
            }
        },
    )
    return excused(
        made,
        CKV_AWS_68="It serves a few public files that call nothing; the API has its own filter.",
        CKV_AWS_86="Public files: who read them is not kept.",
        CKV_AWS_174="The minimum is TLS 1.2 with a certificate of yours; CloudFront's own name leaves no choice.",
    )
