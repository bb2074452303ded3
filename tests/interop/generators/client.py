"""Uses the client of openapi-python-client: with a body, without one, and with a token."""

import importlib
import pkgutil
import sys

import python_client
from python_client import AuthenticatedClient, Client
from python_client.api.guest import me
from python_client.api.membership import register_options
from python_client.api.sessions import login
from python_client.models import LoginBody

for module in pkgutil.walk_packages(python_client.__path__, "python_client."):
    importlib.import_module(module.name)

url = sys.argv[1]
client = Client(base_url=url)
assert login.sync(client=client).refresh_token is None or not login.sync(client=client).refresh_token
tokens = login.sync(client=client, body=LoginBody(refresh=True))
guest = me.sync(client=AuthenticatedClient(base_url=url, token=tokens.access_token))
assert guest.id == tokens.anonymous_id, guest
account = AuthenticatedClient(base_url=url, token=tokens.refresh_token)
assert register_options.sync_detailed(client=account).status_code == 200
print("ok")
