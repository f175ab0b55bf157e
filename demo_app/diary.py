"""What the made-up services know of a person: the same for everybody who looks, and always near to now."""

from demo_app.moments import DAY, HOUR, midnight_before, weekday

GOAL_KM = 45
_RUNS = (
    ("Easy harbour loop", 6.2),
    ("Intervals on the quay", 8.0),
    ("Long run to the lighthouse", 14.5),
    ("Canal path, slow", 5.1),
    ("Hill repeats at the old fort", 7.4),
    ("Morning shake-out", 4.3),
)
_CLUB = {
    1: ("Intervals on the quay", "Boathouse steps", 18.5),
    3: ("Easy hour along the canal", "Lock no. 4", 18.5),
    5: ("Long run to the lighthouse", "Boathouse steps", 9.0),
}
_OWN = (
    ("Physiotherapy", "Marlene's practice, 2nd floor", 8.25),
    ("Lunch with Ines", "Café Mole", 12.5),
    ("Parents' evening", "Quay school", 19.0),
    ("New shoes fitted", "Laufwerk, Kanalstraße 8", 16.75),
)
_LISTS = (
    ("Easy miles", 148, ("Low Tide Parade", "Paper Lanterns", "Slow Ferry Home", "Gulls")),
    ("Tempo Tuesday", 172, ("Breakwater", "Red Buoy", "Count the Stairs", "Second Wind")),
    ("Lighthouse long run", 160, ("Fog Signal", "Eleven Miles Out", "Kelp", "The Keeper's Radio")),
    ("Warm-down", 96, ("Harbour Lights", "Rope and Tar", "Still Water")),
)


def runs(account: str, now: float) -> dict[str, object]:
    """Give the runs of the last seven days, newest first, in the shape that Footfall answers with."""
    today, number = midnight_before(now), _number(account)
    logged: list[dict[str, object]] = []
    for days_ago in range(7):
        start = today - days_ago * DAY + (6.5 if (number + days_ago) % 3 else 18.0) * HOUR
        title, distance = _RUNS[(int(start // DAY) + number) % len(_RUNS)]
        pace = 5.2 + (number + days_ago) % 4 * 0.3
        if (int(start // DAY) + number) % 3 and start < now:
            logged.append(
                {"started_at": start, "title": title, "distance_km": distance, "minutes": round(distance * pace)}
            )
    return {"goal_km": GOAL_KM, "runs": logged}


def events(account: str, now: float) -> dict[str, object]:
    """Give what is on in the coming seven days, soonest first, in the shape that Daymark answers with."""
    today, number = midnight_before(now), _number(account)
    coming: list[tuple[float, str, str]] = []
    for days in range(7):
        day = today + days * DAY
        if (club := _CLUB.get(weekday(day))) is not None:
            coming.append((day + club[2] * HOUR, club[0], club[1]))
        if (int(day // DAY) + number) % 4 == 0:
            title, place, hour = _OWN[(int(day // DAY) + number) // 4 % len(_OWN)]
            coming.append((day + hour * HOUR, title, place))
    still = sorted(one for one in coming if one[0] > now)
    return {"events": [{"starts_at": at, "title": title, "place": place} for at, title, place in still]}


def playlists(account: str, now: float) -> dict[str, object]:
    """Give two playlists for the week, in the shape that Tunewell answers with."""
    first = int(now // (7 * DAY)) + _number(account)
    chosen = [_LISTS[(first + step) % len(_LISTS)] for step in range(2)]
    return {
        "playlists": [
            {"title": title, "beats_per_minute": beats, "tracks": list(tracks)} for title, beats, tracks in chosen
        ]
    }


def _number(account: str) -> int:
    return sum(account.encode())
