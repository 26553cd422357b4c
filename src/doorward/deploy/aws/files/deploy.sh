#!/bin/sh
# Deploys what build.sh packed: sh deploy.sh STACK EMAIL [Parameter=value ...]. Needs the AWS CLI and its credentials.
set -eu
cd "$(dirname "$0")"
stack=${1:?usage: sh deploy.sh STACK EMAIL [Parameter=value ...]}
email=${2:?usage: sh deploy.sh STACK EMAIL [Parameter=value ...]}
shift 2

output() { # STACK NAME
    aws cloudformation describe-stacks --stack-name "$1" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue"
}

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

if [ -d page ]; then
    aws cloudformation describe-stacks --stack-name "$stack" --output json |
        "${PYTHON:-python3}" page_config.py page-config.json > build/page-config.json
    aws s3 sync --only-show-errors --delete page "s3://$(output "$stack" PageBucketName)"
    aws s3 cp --only-show-errors --cache-control no-store --content-type application/json \
        build/page-config.json "s3://$(output "$stack" PageBucketName)/page-config.json"
fi
aws cloudformation describe-stacks --stack-name "$stack" --output table --query "Stacks[0].Outputs"
