"""What all tabs of the page share."""

from dataclasses import dataclass, field

from stylenet.web.jobs import Desk
from stylenet.web.limits import Limits
from stylenet.web.networks import Networks
from stylenet.web.sessions import Sessions


@dataclass
class Studio:
    """What all tabs share.

    Args:
        limits: For visitors.
        sessions: The visitors.
        desk: Where long works queue.
        networks: What paints previews.
        school: Where trainings queue: one at a time.
    """

    limits: Limits
    sessions: Sessions
    desk: Desk
    networks: Networks = field(default_factory=Networks)
    school: Desk = field(default_factory=lambda: Desk(1))
