"""A task queue renews the tokens: taskiq on Redis, with any number of workers on any number of machines."""

import os

from taskiq import TaskiqEvents, TaskiqScheduler, TaskiqState
from taskiq.schedule_sources import LabelScheduleSource
from taskiq.serializers import JSONSerializer
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from asgi_social import Social

REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
QUEUE = os.environ.get("QUEUE", "social")

social = Social(
    secret_key=os.environ["SECRET_KEY"],
    base_url=os.environ.get("BASE_URL"),
    database=os.environ.get("SOCIAL_DATABASE", "sqlite+aiosqlite:///social.db"),
)
results = RedisAsyncResultBackend[object](
    REDIS,
    prefix_str=QUEUE,
    result_ex_time=3600,
    serializer=JSONSerializer(),  # not the default, pickle, by which who can write to Redis runs code here
)
# Of the brokers on Redis the one whose tasks are done by another worker where one died; 60 s is for its own lock.
broker = RedisStreamBroker(REDIS, queue_name=QUEUE, unacknowledged_lock_timeout=60).with_result_backend(results)
scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def begin(_: TaskiqState) -> None:
    await social.open()


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def end(_: TaskiqState) -> None:
    await social.close()  # which waits for renewals that are under way


@broker.task(schedule=[{"cron": "* * * * *"}])
async def refresh_due(limit: int = 1000) -> int:
    """Renew what will end soon, and give how many; a queue that was full for a while has several of these, unharmed."""
    return (await social.refresh_due(limit=limit)).renewed


@broker.task
async def refresh_one(user_id: str, association_id: str) -> str:
    """Renew one association now, and give its status. Ids alone go through Redis, and never a token."""
    [association] = [one for one in await social.associations(user_id) if one.id == association_id]
    return (await association.refresh_token()).status
