"""AG-UI both ways: runs of agents become answers, and jobs become runs (docs/frameworks/ag-ui.md)."""

from streamsvc.adapters.ag_ui.input import request_of as request_of
from streamsvc.adapters.ag_ui.run import answer as answer
from streamsvc.adapters.ag_ui.run import handler as handler
from streamsvc.adapters.ag_ui.run import start as start
from streamsvc.adapters.ag_ui.run import to_ag_ui as to_ag_ui
from streamsvc.adapters.ag_ui.wire import events_of as events_of
