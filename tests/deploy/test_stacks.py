"""The stacks as they come into being: the specification's values on what was created."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from tests.deploy.fake_aws import client, create_all, create_stack
from tests.deploy.task import rendered
from tests.deploy.templates import Resolver, load

TAGS = {"Environment": "production", "Service": "go-backend", "Project": "tinyurl"}
Outputs = dict[str, dict[str, str]]


def _parameters() -> dict[str, Any]:
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


@pytest.fixture(scope="module")
def outputs() -> Iterator[Outputs]:
    """Create all stacks once; the tests of this file only look."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield create_all(_parameters())


def _tags(tags: list[dict[str, str]]) -> dict[str, str]:
    pairs = ({key.lower(): value for key, value in tag.items()} for tag in tags)
    return {pair["key"]: pair["value"] for pair in pairs}


def test_container_insights_are_on(outputs: Outputs) -> None:
    found = client("ecs").describe_clusters(clusters=["tinyurl-prod"], include=["SETTINGS", "TAGS"])
    (cluster,) = found["clusters"]

    assert {"name": "containerInsights", "value": "enabled"} in cluster["settings"]
    assert _tags(cluster["tags"]) == TAGS


def test_the_namespace_and_its_services(outputs: Outputs) -> None:
    discovery = client("servicediscovery")
    (namespace,) = discovery.list_namespaces()["Namespaces"]
    services = {item["Name"]: item for item in discovery.list_services()["Services"]}
    found = discovery.get_service(Id=services["observability"]["Id"])["Service"]

    assert (namespace["Name"], namespace["Type"]) == ("internal.tinyurl.local", "DNS_PRIVATE")
    assert services.keys() == {"observability", "shortener"}
    assert found["DnsConfig"]["DnsRecords"] == [{"Type": "A", "TTL": 60}]
    assert found["NamespaceId"] == namespace["Id"]
    assert found["HealthCheckCustomConfig"] == {"FailureThreshold": 1}


def test_the_health_check_of_the_specification(outputs: Outputs) -> None:
    (group,) = client("elbv2").describe_target_groups()["TargetGroups"]

    expected = {
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPath": "/healthz",
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 3,
        "Matcher": {"HttpCode": "200"},
        "TargetType": "ip",
        "Port": 8080,
    }
    assert expected == {key: group[key] for key in expected}


def test_a_target_is_drained_as_long_as_the_service_drains(outputs: Outputs) -> None:
    elb = client("elbv2")
    (group,) = elb.describe_target_groups()["TargetGroups"]
    found = elb.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])
    attributes = _tags(found["Attributes"])

    assert attributes["deregistration_delay.timeout_seconds"] == "30"


def test_the_balancer_closes_idle_connections_before_gunicorn(outputs: Outputs) -> None:
    elb = client("elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    arn = balancer["LoadBalancerArn"]
    attributes = _tags(elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"])

    assert int(attributes["idle_timeout.timeout_seconds"]) < 75
    assert attributes["routing.http.xff_header_processing.mode"] == "append"
    assert attributes["deletion_protection.enabled"] == "true"


def test_https_is_forwarded_and_http_redirected(outputs: Outputs) -> None:
    elb = client("elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    found = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    actions = {item["Protocol"]: item["DefaultActions"][0] for item in found}

    assert actions["HTTPS"]["TargetGroupArn"] == outputs["balancer"]["TargetGroupArn"]
    assert actions["HTTP"]["RedirectConfig"]["Protocol"] == "HTTPS"


def test_only_the_balancer_reaches_the_tasks(outputs: Outputs) -> None:
    group = outputs["balancer"]["TaskSecurityGroup"]
    (found,) = client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    (rule,) = found["IpPermissions"]

    assert (rule["FromPort"], rule["ToPort"]) == (8080, 8080)
    assert rule["IpRanges"] == []
    assert len(rule["UserIdGroupPairs"]) == 1


def _service() -> Any:
    found = client("ecs").describe_services(
        cluster="tinyurl-prod", services=["shortener"], include=["TAGS"]
    )
    return found["services"][0]


def test_a_failed_deployment_rolls_itself_back(outputs: Outputs) -> None:
    # The fake forgets this part of what it accepted: read what was sent.
    properties = load("service")["Resources"]["EcsService"]["Properties"]
    configuration = properties["DeploymentConfiguration"]

    assert configuration["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert configuration["Alarms"]["AlarmNames"] == ["shortener-5xx"]
    assert "shortener-5xx" in _alarms()
    assert configuration["MinimumHealthyPercent"] == 100
    assert configuration["MaximumPercent"] == 200


def test_the_service_is_balanced_and_discovered(outputs: Outputs) -> None:
    service = _service()

    (target,) = service["loadBalancers"]
    assert (target["containerName"], target["containerPort"]) == ("go-backend", 8080)
    assert target["targetGroupArn"] == outputs["balancer"]["TargetGroupArn"]
    (registry,) = service["serviceRegistries"]
    assert registry["registryArn"] == outputs["discovery"]["ShortenerRegistryArn"]
    assert _tags(service["tags"]) == TAGS


def test_it_scales_by_requests_and_cpu(outputs: Outputs) -> None:
    scaling = client("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    tracked = {
        policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"][
            "PredefinedMetricType"
        ]: policy
        for policy in policies
    }

    assert target["ResourceId"] == "service/tinyurl-prod/shortener"
    assert target["MinCapacity"] == 2
    assert tracked.keys() == {"ALBRequestCountPerTarget", "ECSServiceAverageCPUUtilization"}
    metric = tracked["ALBRequestCountPerTarget"]["TargetTrackingScalingPolicyConfiguration"]
    label = metric["PredefinedMetricSpecification"]["ResourceLabel"]
    assert label.startswith("app/shortener/")
    assert "/targetgroup/shortener/" in label


def test_the_execution_role_reads_exactly_the_secrets(outputs: Outputs) -> None:
    policy = client("iam").get_role_policy(RoleName="execution", PolicyName="read-secrets")
    (statement,) = policy["PolicyDocument"]["Statement"]

    names = ("PostgresPasswordArn", "RedisPasswordArn", "JwtSecretArn")
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert statement["Resource"] == [outputs["cluster"][name] for name in names]


def test_the_running_service_has_no_rights(outputs: Outputs) -> None:
    iam = client("iam")

    assert iam.list_role_policies(RoleName="task")["PolicyNames"] == []
    assert iam.list_attached_role_policies(RoleName="task")["AttachedPolicies"] == []


def test_generated_secrets_are_strong_enough_for_the_settings(outputs: Outputs) -> None:
    secrets = client("secretsmanager")
    found = secrets.get_secret_value(SecretId=outputs["cluster"]["JwtSecretArn"])

    assert len(found["SecretString"]) >= 32
    assert found["SecretString"].isalnum()


def test_logs_are_kept_for_a_bounded_time(outputs: Outputs) -> None:
    (group,) = client("logs").describe_log_groups()["logGroups"]

    assert group["logGroupName"] == "/ecs/go-backend"
    assert group["retentionInDays"] == 90


def _alarms() -> dict[str, Any]:
    found = client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {item["AlarmName"]: item for item in found}


def _composite_alarm(name: str, outputs: Outputs) -> Any:
    exports = {"tinyurl-AlarmTopicArn": outputs["alarms"]["TopicArn"]}
    resolve = Resolver(load("objectives"), {}, exports)
    (properties,) = (
        resource["Properties"]
        for resource in resolve.template["Resources"].values()
        if resource["Properties"]["AlarmName"] == name
    )
    return resolve(properties)


@pytest.mark.parametrize(
    ("name", "metric", "threshold", "seconds"),
    [
        ("shortener-cpu", "CPUUtilization", 80, 300),
        ("shortener-memory", "MemoryUtilization", 90, 300),
        ("shortener-unhealthy-targets", "UnHealthyHostCount", 0, 120),
        ("shortener-5xx", "HTTPCode_Target_5XX_Count", 10, 300),
    ],
)
def test_the_recommended_alarms(
    outputs: Outputs, name: str, metric: str, threshold: int, seconds: int
) -> None:
    alarm = _alarms()[name]
    stats = [item["MetricStat"] for item in alarm.get("Metrics", []) if "MetricStat" in item]
    metrics = [stat["Metric"]["MetricName"] for stat in stats] or [alarm["MetricName"]]
    period = stats[0]["Period"] if stats else alarm["Period"]

    assert metric in metrics
    assert alarm["Threshold"] == threshold
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert period * alarm["EvaluationPeriods"] == seconds
    assert alarm["AlarmActions"] == [outputs["alarms"]["TopicArn"]]


@pytest.mark.parametrize("objective", ["availability", "latency"])
@pytest.mark.parametrize(
    ("speed", "factor", "windows"),
    [("fast", 14.4, {"long": 3600, "short": 300}), ("slow", 6, {"long": 21600, "short": 1800})],
)
def test_burn_rates(
    outputs: Outputs, objective: str, speed: str, factor: float, windows: dict[str, int]
) -> None:
    name = f"shortener-{objective}-{speed}"
    alarms = _alarms()
    budget = {"availability": 0.1, "latency": 1.0}[objective]  # percent of the requests

    burn = _composite_alarm(f"{name}-burn", outputs)
    assert burn["AlarmRule"] == f'ALARM("{name}-long") AND ALARM("{name}-short")'
    assert burn["AlarmActions"] == [outputs["alarms"]["TopicArn"]]
    for window, seconds in windows.items():
        alarm = alarms[f"{name}-{window}"]
        stats = [item["MetricStat"] for item in alarm.get("Metrics", []) if "MetricStat" in item]
        periods = {stat["Period"] for stat in stats} or {alarm["Period"]}
        bad = alarm["Threshold"]
        if objective == "latency":
            assert bad == 0.25
            bad = 100 - float(alarm["ExtendedStatistic"].removeprefix("p"))
        assert periods == {seconds}
        assert bad == pytest.approx(budget * factor)


def test_objectives_count_what_reached_our_tasks_and_what_the_balancer_answered_itself(
    outputs: Outputs,
) -> None:
    group = {"Name": "TargetGroup", "Value": outputs["balancer"]["TargetGroupFullName"]}
    (expression, *stats) = _alarms()["shortener-availability-fast-long"]["Metrics"]
    of_ours = {stat["Id"] for stat in stats if group in stat["MetricStat"]["Metric"]["Dimensions"]}

    assert of_ours == {"requests", "target"}
    assert {stat["Id"] for stat in stats} - of_ours == {"balancer"}
    # An outage in which no request reached a target is one all the same.
    _, below = expression["Expression"].split(" / ")
    assert "requests" in below
    assert "balancer" in below


def test_an_existing_balancer_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    # Beside the account that the other tests look at.
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    exports: dict[str, str] = {}
    with mock_aws():
        parameters = _parameters() | {"ExistingBalancerFullName": "app/go/0123456789abcdef"}
        parameters["ExistingBalancerSecurityGroup"] = client("ec2").create_security_group(
            GroupName="go", Description="go", VpcId=parameters["VpcId"]
        )["GroupId"]

        create_stack("balancer", parameters, exports)

        assert client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert exports["tinyurl-BalancerFullName"] == "app/go/0123456789abcdef"
