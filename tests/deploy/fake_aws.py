"""Create a template's resources through the API, as CloudFormation does, in a local fake.

moto's own CloudFormation drops most properties, so each resource goes through the API call that
makes it: botocore checks every parameter against the service's model before the fake sees it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3  # type: ignore[import-untyped]  # has no types
from botocore.validate import validate_parameters  # type: ignore[import-untyped]

from tests.deploy.task import ROOT, rendered
from tests.deploy.templates import ORDER, Resolver, UnresolvedError, load

Properties = dict[str, Any]
Outputs = dict[str, dict[str, str]]
"""The outputs of each stack."""
Made = tuple[str, dict[str, str]]
"""What `Ref` gives, and what `GetAtt` gives by attribute."""


def client(name: str) -> Any:
    """Return a client of the fake's region."""
    return boto3.client(name, region_name="sa-east-1")


def camel(node: Any) -> Any:
    """Return the properties in the case that the APIs of ECS, ECR and Logs use."""
    if isinstance(node, list):
        return [camel(item) for item in node]
    if isinstance(node, dict):
        return {key[0].lower() + key[1:]: camel(value) for key, value in node.items()}
    return node


def _namespace(properties: Properties) -> Made:
    discovery = client("servicediscovery")
    operation = discovery.create_private_dns_namespace(**properties)["OperationId"]
    targets = discovery.get_operation(OperationId=operation)["Operation"]["Targets"]
    return targets["NAMESPACE"], {}


def _discovered(properties: Properties) -> Made:
    made = client("servicediscovery").create_service(**properties)["Service"]
    return made["Id"], {"Arn": made["Arn"]}


def _cluster(properties: Properties) -> Made:
    wanted = camel(properties)
    wanted["settings"] = wanted.pop("clusterSettings")
    made = client("ecs").create_cluster(**wanted)["cluster"]
    return made["clusterName"], {"Arn": made["clusterArn"]}


def _log_group(properties: Properties) -> Made:
    name = properties["LogGroupName"]
    tags = {tag["Key"]: tag["Value"] for tag in properties["Tags"]}
    client("logs").create_log_group(logGroupName=name, tags=tags)
    days = properties["RetentionInDays"]
    client("logs").put_retention_policy(logGroupName=name, retentionInDays=days)
    return name, {}


def _repository(properties: Properties) -> Made:
    wanted = {**camel(properties), "tags": properties["Tags"]}
    made = client("ecr").create_repository(**wanted)["repository"]
    return made["repositoryName"], {"RepositoryUri": made["repositoryUri"]}


def _secret(properties: Properties) -> Made:
    rule = properties.pop("GenerateSecretString")
    template, key = rule.pop("SecretStringTemplate", None), rule.pop("GenerateStringKey", None)
    secrets = client("secretsmanager")
    value = secrets.get_random_password(**rule)["RandomPassword"]
    if template is not None:
        value = json.dumps({**json.loads(template), key: value})
    return secrets.create_secret(**properties, SecretString=value)["ARN"], {}


def _role(properties: Properties) -> Made:
    iam = client("iam")
    # CloudFormation makes a name up; here it is told by its rights.
    name = "execution" if "ManagedPolicyArns" in properties else "task"
    document = json.dumps(properties["AssumeRolePolicyDocument"])
    made = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=document, Tags=properties["Tags"]
    )
    for policy in properties.get("Policies", []):
        document = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    return name, {"Arn": made["Role"]["Arn"]}


def _security_group(properties: Properties) -> Made:
    ec2 = client("ec2")
    made = ec2.create_security_group(
        GroupName=properties["GroupDescription"],
        Description=properties["GroupDescription"],
        VpcId=properties["VpcId"],
        TagSpecifications=[{"ResourceType": "security-group", "Tags": properties["Tags"]}],
    )["GroupId"]
    permissions = [_permission(rule) for rule in properties["SecurityGroupIngress"]]
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=permissions)
    return made, {"GroupId": made}


def _permission(rule: Properties) -> Properties:
    permission = {key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort")}
    if "CidrIp" in rule:
        return permission | {"IpRanges": [{"CidrIp": rule["CidrIp"]}]}
    return permission | {"UserIdGroupPairs": [{"GroupId": rule["SourceSecurityGroupId"]}]}


def _balancer(properties: Properties) -> Made:
    attributes = properties.pop("LoadBalancerAttributes")
    elb = client("elbv2")
    made = elb.create_load_balancer(**properties)["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
    full_name = arn.partition("loadbalancer/")[2]
    return arn, {"DNSName": made["DNSName"], "LoadBalancerFullName": full_name}


def _target_group(properties: Properties) -> Made:
    attributes = properties.pop("TargetGroupAttributes")
    elb = client("elbv2")
    arn = elb.create_target_group(**properties)["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
    return arn, {"TargetGroupFullName": arn.rpartition(":")[2]}


def _listener(properties: Properties) -> Made:
    return client("elbv2").create_listener(**properties)["Listeners"][0]["ListenerArn"], {}


def _topic(properties: Properties) -> Made:
    made = client("sns").create_topic(Name=properties["TopicName"], Tags=properties["Tags"])
    return made["TopicArn"], {}


def _subscription(properties: Properties) -> Made:
    return client("sns").subscribe(**properties)["SubscriptionArn"], {}


def _alarm(properties: Properties) -> Made:
    client("cloudwatch").put_metric_alarm(**properties)
    return properties["AlarmName"], {}


def _metric_filter(properties: Properties) -> Made:
    wanted = camel(properties)
    (transformation,) = wanted["metricTransformations"]
    transformation["defaultValue"] = float(transformation["defaultValue"])
    client("logs").put_metric_filter(filterName="made-up", **wanted)
    return "made-up", {}


def _composite_alarm(properties: Properties) -> Made:
    # The fake does not know these; the service's own model checks what would be sent.
    model = client("cloudwatch").meta.service_model.operation_model("PutCompositeAlarm")
    validate_parameters(properties, model.input_shape)
    return properties["AlarmName"], {}


def _service(properties: Properties) -> Made:
    made = client("ecs").create_service(**camel(properties))["service"]
    return made["serviceArn"], {"Name": made["serviceName"]}


def _scalable_target(properties: Properties) -> Made:
    # The API takes tags as a map, CloudFormation as a list.
    properties["Tags"] = {tag["Key"]: tag["Value"] for tag in properties["Tags"]}
    client("application-autoscaling").register_scalable_target(**properties)
    keys = ("ResourceId", "ScalableDimension", "ServiceNamespace")
    return "|".join(properties[key] for key in keys), {}


def _scaling_policy(properties: Properties) -> Made:
    resource, dimension, namespace = properties.pop("ScalingTargetId").split("|")
    made = client("application-autoscaling").put_scaling_policy(
        **properties,
        ResourceId=resource,
        ScalableDimension=dimension,
        ServiceNamespace=namespace,
    )
    return made["PolicyARN"], {}


CREATE: Mapping[str, Callable[[Properties], Made]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": _scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling_policy,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _composite_alarm,
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::ECR::Repository": _repository,
    "AWS::ECS::Cluster": _cluster,
    "AWS::ECS::Service": _service,
    "AWS::ElasticLoadBalancingV2::Listener": _listener,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _target_group,
    "AWS::IAM::Role": _role,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::Logs::MetricFilter": _metric_filter,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::Topic": _topic,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::ServiceDiscovery::PrivateDnsNamespace": _namespace,
    "AWS::ServiceDiscovery::Service": _discovered,
}


def create_stack(
    name: str, parameters: Mapping[str, Any], exports: dict[str, str]
) -> dict[str, str]:
    """Create a template's resources, add its exports to `exports`, return its outputs."""
    resolver = Resolver(load(name), parameters, exports)
    if broken := resolver.broken_rules():
        raise AssertionError(f"{name}: {broken}")
    waiting = list(resolver.wanted())
    while waiting:
        ready = [resource for resource in waiting if _created(resolver, resource)]
        if not ready:
            raise AssertionError(f"{name}: these wait for each other or for nothing: {waiting}")
        waiting = [resource for resource in waiting if resource not in ready]
    outputs = {}
    for key, output in resolver.template.get("Outputs", {}).items():
        if "Condition" not in output or resolver.condition(output["Condition"]):
            outputs[key] = resolver(output["Value"])
            if "Export" in output:
                exports[resolver(output["Export"]["Name"])] = outputs[key]
    return outputs


def _created(resolver: Resolver, name: str) -> bool:
    resource = resolver.template["Resources"][name]
    try:
        properties = resolver(resource["Properties"])
    except UnresolvedError:
        return False
    resolver.names[name], attributes = CREATE[resource["Type"]](properties)
    resolver.attributes |= {f"{name}.{key}": value for key, value in attributes.items()}
    return True


def create_all(given: Mapping[str, Any]) -> Outputs:
    """Create every stack in order; return the outputs of each."""
    exports: dict[str, str] = {}
    return {name: create_stack(name, given, exports) for name in ORDER}


def parameters() -> dict[str, Any]:
    """Make what is there before the stacks; return what they are given."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)
        for number, zone in enumerate(("sa-east-1a", "sa-east-1b"))
    ]
    certificate = client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
    definition = client("ecs").register_task_definition(**rendered())["taskDefinition"]
    ids = ",".join(subnet["Subnet"]["SubnetId"] for subnet in subnets)
    return {
        "VpcId": vpc,
        "PublicSubnets": ids,
        "PrivateSubnets": ids,
        "CertificateArn": certificate,
        "TaskDefinitionArn": definition["taskDefinitionArn"],
        "Email": "oncall@example.com",
    }


def task_secrets(outputs: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets as ECS gives them to a task that starts now (`arn[:json-key::]`)."""
    text = (ROOT / "task-definition.json").read_text(encoding="utf-8")
    (container,) = json.loads(text)["containerDefinitions"]
    found = {}
    for secret in container["secrets"]:
        name, _, key = secret["valueFrom"].removeprefix("${").partition("}")
        value = client("secretsmanager").get_secret_value(SecretId=outputs[name])["SecretString"]
        # ECS refuses to start a task where the key is missing.
        found[secret["name"]] = json.loads(value)[key.strip(":")] if key else value
    return found
