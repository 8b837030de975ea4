"""Files of an export, brought by the operator: the same landing, the same mapping, another way in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from phr.accounts.desk import Desk
from phr.exchange import connections, lease
from phr.exchange.disk import Found
from phr.exchange.models import Export, ExportFile, SystemConnection


def begin(
    *, desk: Desk, connection: SystemConnection, found: Sequence[Found], now: datetime
) -> tuple[Export, bool]:
    """Return an export that reads these files, and whether it goes on where one of the same files stopped.

    An open one of other files ends: what it read is stored, and what it did not is not here.
    """
    wanted = [(each.name, each.size) for each in found]
    with desk.open():
        waiting = connections.open_export(connection.pk)
        if waiting is not None:
            listed = ExportFile.objects.filter(export=waiting).order_by("ordinal").values_list("name", "size")
            if list(listed) == wanted:
                lease.ask(connection_id=connection.pk, due_at=now)
                return waiting, True
            waiting.state, waiting.reason, waiting.finished_at = Export.State.FAILED, "other_files", now
            waiting.save(update_fields=["state", "reason", "finished_at"])
        export = Export.objects.create(
            connection=connection,
            trigger=Export.Trigger.FILES,
            state=Export.State.FETCHING,
            created_at=now,
            started_at=now,
        )
        ExportFile.objects.bulk_create(
            [
                ExportFile(
                    export=export,
                    ordinal=ordinal,
                    resource_type=_type_in(each.name),
                    name=each.name,
                    size=each.size,
                )
                for ordinal, each in enumerate(found)
            ]
        )
        lease.ask(connection_id=connection.pk, due_at=now)
    return export, False


def _type_in(name: str) -> str:
    """Guess what a file holds from its name, for whoever watches; "" where it does not look like a type."""
    word = name.rpartition("/")[2].rpartition("!")[2].partition(".")[0]
    return word if word.isalpha() and word[:1].isupper() and len(word) <= 64 else ""
