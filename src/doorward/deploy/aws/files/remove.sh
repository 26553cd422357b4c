#!/bin/sh
# Takes a deployment down: sh remove.sh STACK. Users, conversations and what the agent remembers are kept, and named.
set -eu
stack=${1:?usage: sh remove.sh STACK}

physical() { # STACK LOGICAL-NAME
    aws cloudformation describe-stack-resources --stack-name "$1" --output text \
        --query "StackResources[?LogicalResourceId=='$2'].PhysicalResourceId"
}

emptied() { # BUCKET: every version of everything in it, or its stack cannot be deleted
    while :; do
        found=$(aws s3api list-object-versions --bucket "$1" --no-paginate --max-keys 100 --output json \
            --query '{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}, Quiet: `true`}')
        case $found in *'"Key"'*) ;; *) return 0 ;; esac
        failed=$(aws s3api delete-objects --bucket "$1" --delete "$found" --output text --query 'Errors[0].Message')
        case $failed in
            '' | None) ;;
            *)
                echo "remove.sh: the bucket $1 cannot be emptied: $failed" >&2
                exit 1
                ;;
        esac
    done
}

removed() { # STACK LOGICAL-NAME-OF-BUCKET
    bucket=$(physical "$1" "$2")
    case $bucket in '' | None) ;; *) emptied "$bucket" ;; esac
    aws cloudformation delete-stack --stack-name "$1"
    aws cloudformation wait stack-delete-complete --stack-name "$1"
    echo "The stack $1 is deleted."
}

there=
if aws cloudformation describe-stacks --stack-name "$stack" --output text > /dev/null; then
    there=yes
    for name in UserPool Table AgentMemory MessageMemory; do
        kept=$(physical "$stack" "$name")
        case $kept in '' | None) ;; *) echo "Stays: $name $kept" ;; esac
    done
    removed "$stack" PageBucket
fi
if aws cloudformation describe-stacks --stack-name "$stack-artifacts" --output text > /dev/null; then
    there=yes
    removed "$stack-artifacts" Artifacts
fi
if [ -z "$there" ]; then
    echo "remove.sh: there is no stack $stack that these credentials may see." >&2
    exit 1
fi
