"""The Python client of streamsvc."""

from streamsvc.client.client import Client as Client
from streamsvc.client.errors import GaveUp as GaveUp
from streamsvc.client.errors import Unreachable as Unreachable
from streamsvc.client.options import ClientOptions as ClientOptions
from streamsvc.client.stream import JobStream as JobStream
from streamsvc.client.sync import SyncClient as SyncClient
from streamsvc.client.watch import JobsUpdate as JobsUpdate
from streamsvc.client.watch import JobWatch as JobWatch
from streamsvc.log import Cursor as Cursor
