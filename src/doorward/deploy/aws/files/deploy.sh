#!/bin/sh
# Deploys what build.sh packed: sh deploy.sh STACK EMAIL [Parameter=value ...]. Needs the AWS CLI and its credentials.
set -eu
cd "$(dirname "$0")"
stack=${1:?usage: sh deploy.sh STACK EMAIL [Parameter=value ...]}
email=${2:?usage: sh deploy.sh STACK EMAIL [Parameter=value ...]}
shift 2

stop() { # SENTENCE
    echo "deploy.sh: $1" >&2
    exit 1
}

output() { # STACK NAME
    said=$(aws cloudformation describe-stacks --stack-name "$1" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue")
    case $said in
        '' | None) stop "The stack $1 does not say its $2: it was made by another template. Nothing more was done." ;;
    esac
    printf '%s\n' "$said"
}

# The name is part of the sign-in's domain; Cognito refuses these words and other characters there.
case $stack in
    *aws* | *amazon* | *cognito*) stop "A stack's name may not hold the words aws, amazon and cognito." ;;
    [!abcdefghijklmnopqrstuvwxyz]* | *[!abcdefghijklmnopqrstuvwxyz0123456789-]*)
        stop "A stack's name begins with a lower case letter and is made of those, digits and hyphens." ;;
esac
# That domain has 63 characters at most: the name, a hyphen and the account.
[ ${#stack} -le 50 ] || stop "A stack's name has 50 characters at most."
for part in functions agent; do
    [ ! -d "$part" ] || ls build/"$part"-*.zip > /dev/null 2>&1 || stop "There is no package of $part: run sh build.sh first."
done

aws cloudformation deploy --no-fail-on-empty-changeset --stack-name "$stack-artifacts" --template-file artifacts.yaml
bucket=$(output "$stack-artifacts" Bucket)
set -- "ArtifactBucket=$bucket" "AlarmEmail=$email" "$@"
for zip in build/*.zip; do
    key=$(basename "$zip")
    aws s3 cp --only-show-errors "$zip" "s3://$bucket/$key"
    case $key in
        agent-*) set -- "AgentKey=$key" "$@" ;;
        functions-*) set -- "FunctionKey=$key" "$@" ;;
    esac
done
aws cloudformation deploy --no-fail-on-empty-changeset --stack-name "$stack" --template-file template.yaml \
    --s3-bucket "$bucket" --capabilities CAPABILITY_IAM --parameter-overrides "$@"

# A stage serves a picture of the API. The template makes one when it changes; values of parameters are in it too.
if grep -q AWS::ApiGateway::RestApi template.yaml; then
    api=$(output "$stack" ApiId)
    aws apigateway create-deployment --rest-api-id "$api" --stage-name v1 --description "deploy.sh" --output text > /dev/null
fi

if [ -d page ]; then
    pages=$(output "$stack" PageBucketName)
    url=$(output "$stack" PageUrl)
    distribution=$(aws cloudformation describe-stack-resource --stack-name "$stack" --logical-resource-id Page \
        --output text --query StackResourceDetail.PhysicalResourceId)
    aws cloudformation describe-stacks --stack-name "$stack" --output json > build/stack.json
    "${PYTHON:-python3}" page_config.py page-config.json < build/stack.json > build/page-config.json
    aws s3 cp --only-show-errors --cache-control no-store --content-type application/json \
        build/page-config.json "s3://$pages/page-config.json"
    # All files, for their names stay the same from one version to the next; then what is there no more goes.
    aws s3 cp --only-show-errors --recursive --cache-control no-cache page "s3://$pages"
    aws s3 sync --only-show-errors --delete --size-only --cache-control no-cache --exclude page-config.json \
        page "s3://$pages"
    aws cloudfront create-invalidation --distribution-id "$distribution" --paths '/*' --output text > /dev/null
    echo "The page is at $url; it may take a minute until it is there for everybody."
fi
aws cloudformation describe-stacks --stack-name "$stack" --output table --query "Stacks[0].Outputs"
