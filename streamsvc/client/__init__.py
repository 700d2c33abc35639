"""The Python client of streamsvc."""

from streamsvc.client.client import Client as Client
from streamsvc.client.errors import GaveUp as GaveUp
from streamsvc.client.errors import Unreachable as Unreachable
from streamsvc.client.options import ClientOptions as ClientOptions
from streamsvc.client.publish import AlreadyEnded as AlreadyEnded
from streamsvc.client.publish import publish as publish
from streamsvc.client.publish import publishing as publishing
from streamsvc.client.publish_skip import AnswerDiffers as AnswerDiffers
from streamsvc.client.publisher import Publisher as Publisher
from streamsvc.client.stream import JobStream as JobStream
from streamsvc.client.sync import SyncClient as SyncClient
from streamsvc.client.watch import JobsUpdate as JobsUpdate
from streamsvc.client.watch import JobWatch as JobWatch
from streamsvc.client.work import work as work
from streamsvc.log import Cursor as Cursor
