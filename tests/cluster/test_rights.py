"""What the parts' accounts may ask of the Kubernetes API: nothing. The chart has no Role, so their own tokens are tried instead."""

import pytest
from helm.charts import of_kind, rendered

pytestmark = pytest.mark.cluster

PARTS = ("agent", "worker", "sink", "web")
GROUP_RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


@pytest.fixture(params=PARTS)
def account(small, request):
    """The API for a part's account, by a token that the server itself gave out."""
    name = f"t-coldplate-{request.param}"
    api = small.plane.as_token(token(small, name))
    yield name, api
    api.close()


def token(small, name):
    spec = {"spec": {"expirationSeconds": 600}}
    answer = small.api.good("POST", f"{small.core}/serviceaccounts/{name}/token", spec)
    return answer["status"]["token"]


def allowed(small, api):
    """{(verb, group, resource)} by the server's own account."""
    review = {"spec": {"namespace": small.namespace}}
    rules = api.good("POST", GROUP_RULES, review)["status"]["resourceRules"]
    return {
        (verb, group, resource) for rule in rules
        for verb in rule["verbs"] for group in rule["apiGroups"] for resource in rule["resources"]
    }  # fmt: skip


def test_the_token_is_that_accounts(small, account):
    """The server knows who asks, so what it refuses it refuses to this account."""
    name, api = account
    said = api.good("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert f"system:serviceaccount:{small.namespace}:{name}" == said["status"]["userInfo"]["username"]  # fmt: skip


def test_it_may_nothing_but_ask_what_it_may(small, account):
    """As any account that was never granted a thing: the reviews of oneself, and no more."""
    _name, api = account
    reviews = {
        ("create", "authorization.k8s.io", "selfsubjectaccessreviews"),
        ("create", "authorization.k8s.io", "selfsubjectrulesreviews"),
        ("create", "authentication.k8s.io", "selfsubjectreviews"),
    }
    assert reviews == allowed(small, api)


def test_asked_for_it_it_is_refused(small, account):
    """Pods, Secrets, its own ConfigMap, nodes and the nodes' kubelets, to read, to write and to delete."""
    name, api = account
    asked = [
        ("GET", f"{small.core}/pods", None),
        ("GET", f"{small.core}/secrets", None),
        ("GET", f"{small.core}/configmaps/{name}", None),
        ("GET", "/api/v1/nodes", None),
        ("GET", "/api/v1/nodes/gpu-1/proxy/pods", None),
        ("GET", "/apis/apps/v1/daemonsets", None),
        ("POST", f"{small.core}/secrets", {"metadata": {"name": "own"}}),
        ("POST", f"{small.core}/pods/t-coldplate-worker-0/exec?command=id", None),
        ("POST", f"{small.core}/serviceaccounts/{name}/token", {"spec": {}}),
        ("DELETE", f"{small.core}/pods/t-coldplate-worker-0", None),
    ]
    assert [403] * len(asked) == [api.call(verb, path, body).status for verb, path, body in asked]


def test_the_same_is_answered_to_who_may(small):
    """Refusals are the account's and not the request's."""
    for path in (f"{small.core}/pods", f"{small.core}/configmaps/t-coldplate-agent", "/api/v1/nodes"):  # fmt: skip
        assert 200 == small.api.call("GET", path).status


def test_a_role_would_be_seen():
    """There is none in any release: with the first one its token has to be tried here too."""
    for release in ("production", "trial", "mtls"):
        assert [] == of_kind(rendered(release), "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")  # fmt: skip
