"""What the writer of feeds and the gateways agree on: the channel of the hint that a feed moved."""

FEED_CHANNEL = "taskflow_feed"
