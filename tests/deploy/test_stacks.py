"""The stacks as they come into being: the specification's values on what was created."""

from typing import Any

import pytest
from moto import mock_aws

from app.environment import Environment
from tests.deploy.fake_aws import Outputs, client, create_stack, parameters, task_secrets
from tests.deploy.templates import load

TAGS = {"Environment": "production", "Service": "go-backend", "Project": "tinyurl"}


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

    names = ("PostgresLoginArn", "RedisPasswordArn", "JwtKeysArn")
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert statement["Resource"] == [outputs["cluster"][name] for name in names]


def test_doctor_can_be_run_in_a_task_that_serves(outputs: Outputs) -> None:
    # The fake forgets both of what it accepted: read what was sent.
    service = load("service")["Resources"]["EcsService"]["Properties"]
    cluster = load("cluster")["Resources"]["Cluster"]["Properties"]

    assert service["EnableExecuteCommand"] is True
    assert cluster["Configuration"] == {"ExecuteCommandConfiguration": {"Logging": "NONE"}}


def test_the_running_service_has_no_rights_but_to_be_looked_into(outputs: Outputs) -> None:
    iam = client("iam")
    policy = iam.get_role_policy(RoleName="task", PolicyName="ecs-exec")["PolicyDocument"]

    (statement,) = policy["Statement"]
    assert {action.split(":")[0] for action in statement["Action"]} == {"ssmmessages"}
    assert len(statement["Action"]) == 4
    assert iam.list_role_policies(RoleName="task")["PolicyNames"] == ["ecs-exec"]
    assert iam.list_attached_role_policies(RoleName="task")["AttachedPolicies"] == []


def test_generated_secrets_are_what_a_task_reads(outputs: Outputs) -> None:
    values = dict(task_secrets(outputs["cluster"]))

    # The specification's user, until the database has roles of the service's own.
    assert values["POSTGRES_USER"] == "postgres"
    assert len(values["POSTGRES_PASSWORD"]) == 40
    assert len(values["JWT_SECRET"]) >= 32
    assert values["JWT_SECRET"].isalnum()
    assert Environment(values).text("JWT_SECRET_PREVIOUS") is None


def test_logs_are_kept_for_a_bounded_time(outputs: Outputs) -> None:
    (group,) = client("logs").describe_log_groups()["logGroups"]

    assert group["logGroupName"] == "/ecs/go-backend"
    assert group["retentionInDays"] == 90


def test_an_existing_balancer_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    # Beside the account that the other tests look at.
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    exports: dict[str, str] = {}
    with mock_aws():
        given = parameters() | {"ExistingBalancerFullName": "app/go/0123456789abcdef"}
        given["ExistingBalancerSecurityGroup"] = client("ec2").create_security_group(
            GroupName="go", Description="go", VpcId=given["VpcId"]
        )["GroupId"]

        create_stack("balancer", given, exports)

        assert client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert exports["tinyurl-BalancerFullName"] == "app/go/0123456789abcdef"
