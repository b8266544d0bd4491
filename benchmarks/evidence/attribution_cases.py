"""Simulated cases for attribution: actors, what a file says of them, their campaigns, and campaigns under a false flag.

Tables are built directly, as a hunt would write them: no request is simulated. Nothing here knows a parameter of the
product. What is honest noise: files that are incomplete or out of date; actors who share clients, hosters, countries,
texts, proxies and sellers of accounts; actors who are not in the file; logs without columns; campaigns of few accounts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from stillhunt.base.schema_case import CASE_TABLES, CASE_VERSION, CASE_VIEWS
from stillhunt.triage.case import Case
from stillhunt_evidence.actors.actors_file import ActorsFile, KnownActors

HOSTERS = [f"AS{number} Hoster {number % 97}" for number in range(3300, 3330)]
CLIENTS = [
    "openai-python",
    "httpx",
    "litellm",
    "anthropic-python",
    "requests",
    "aiohttp",
    "okhttp",
    "node",
    "go",
    "vllm",
]
COUNTRIES = ["US", "SG", "JP", "HK", "DE", "NL", "GB", "IN", "BR", "KR", "TW", "FR", "CA", "AU", "VN"]
SKILLS = ["coding", "reasoning traces", "agent trajectories", "mathematics", "grading with rubrics", "translation"]
MAILS = ["gmail.com", "outlook.com", "proton.me", "mail.ru", "qq.com", "icloud.com", "yandex.ru", "gmx.de"]
TEMPERATURES = [0.0, 0.2, 0.6, 0.7, 1.0]
LENGTHS = [1024, 2048, 4096, 8192, 16384]
_WRAPPERS = (
    "answer write each every step reason careful final result solve the following task with full detail show your work "
    "grade this response against a rubric return only json list plan act observe expert senior engineer analyst think "
    "before number translate explain because check verify code function test input output line by one two begin end"
)
WORDS = _WRAPPERS.split()
TODAY = date(2026, 10, 1)
SPAN = 730
"""Days before `TODAY` in which campaigns and releases are."""


@dataclass
class Profile:
    """How an actor works in truth; `described` puts a part of it into the file."""

    name: str
    own: str | None
    hosters: list[str]
    clients: list[str]
    countries: list[str]
    offset: int | None
    temperature: float
    length: int
    skills: list[str]
    texts: list[str]
    mails: list[str]
    payments: list[str]
    releases: list[tuple[date, date, str]]
    networks: list[str] = field(default_factory=list)
    """Hashes of the networks from which it sends."""


@dataclass
class Ways:
    """How one campaign is run: where, with what, and how much of it is so."""

    networks: list[tuple[str, float]]
    clients: list[str]
    countries: list[str]
    offset: int | None
    temperature: float
    length: int
    skills: list[str]
    texts: list[str]
    text_share: float
    mails: list[str]
    payments: list[str]
    accounts: int
    end: date
    days: int
    hashes: list[str]


@dataclass
class CampaignTruth:
    """A campaign of a case: its id and who runs it; the actor whose marks are planted in it, if any."""

    campaign_id: str
    actor: str
    framed: str | None = None


@dataclass
class World:
    """A case, the actors file, and the truth about the campaigns that are to be attributed."""

    case: Case
    actors: KnownActors
    truth: list[CampaignTruth]


def profile(random: Random, name: str, like: Profile | None = None) -> Profile:
    """A new actor, in part like another one: of the same country, with the same suppliers."""
    own = f"AS{random.randrange(64512, 65500) * 10 + random.randrange(10)} {name}" if random.random() < 0.4 else None
    skills = random.sample(SKILLS, random.choice((1, 2, 2, 3)))
    releases = []
    for _ in range(random.choice((0, 1, 2, 2, 3, 4, 6))):
        day = TODAY - timedelta(days=random.randrange(-60, SPAN))
        releases.append((day, day - timedelta(days=random.choice((0, 0, 2, 7, 14, 30, 45))), random.choice(skills)))
    made = Profile(
        name,
        own,
        random.sample(HOSTERS, random.choice((2, 3, 4))),
        random.choices(CLIENTS, [10, 8, 6, 6, 5, 3, 2, 2, 2, 1], k=2),
        random.sample(COUNTRIES, random.choice((1, 2, 3))),
        random.choice((-8, -5, 0, 1, 3, 8, 8, 9)) if random.random() < 0.5 else None,
        random.choice(TEMPERATURES),
        random.choice(LENGTHS),
        skills,
        [text(random) for _ in range(random.choice((1, 2, 3)))],
        random.sample(MAILS, 2),
        random.sample(COUNTRIES, 2),
        releases,
        [f"{random.getrandbits(64):016x}" for _ in range(6)],
    )
    if like is not None:
        shared = ("hosters", "clients", "countries", "offset", "skills", "mails", "payments", "temperature")
        made = replace(made, **{key: getattr(like, key) for key in shared if random.random() < 0.6})
    return made


def text(random: Random) -> str:
    return " ".join(random.choices(WORDS, k=random.randrange(14, 40)))


def described(random: Random, actor: Profile, known: list[str], hoster: str | None) -> dict[str, Any]:
    """What a file says of an actor: incomplete, at times out of date, at times wrong."""
    stale = profile(random, actor.name)
    found: dict[str, Any] = {"name": actor.name, "network": []}

    def right(chance: float) -> Profile | None:
        return None if random.random() > chance else stale if random.random() < 0.1 else actor

    if (of := right(0.8)) and of.own:
        found["network"].append({"asn": asn(of.own), "own": True})
    if of := right(0.7):
        found["network"] += [{"asn": asn(one)} for one in of.hosters]
    if hoster is not None and random.random() < 0.1:  # its author took a hoster for the actor's own network
        found["network"] = [{"asn": asn(hoster), "own": True}]
    if of := right(0.8):
        found["client"] = [{"family": one} for one in dict.fromkeys(of.clients)]
    if of := right(0.7):
        found["countries"] = of.countries
    if (of := right(0.6)) and of.offset is not None:
        found["hours"] = {"utc_offset": of.offset, "begin": 8, "end": 20}
    if of := right(0.7):
        found["phrases"] = of.texts
    if of := right(0.5):
        found["settings"] = {"temperature": [of.temperature], "max_tokens": [of.length]}
    if of := right(0.8):
        found["skills"] = of.skills
    if of := right(0.5):
        found["sign_up"] = {"email_domains": of.mails, "payment_countries": of.payments}
    if of := right(0.8):
        found["model"] = [
            {"name": f"{actor.name} {number}", "released": day, "announced": known_from, "skills": [skill]}
            for number, (day, known_from, skill) in enumerate(of.releases, 1)
            if day <= TODAY
        ]
    found["known"] = {"campaigns": known, "networks": actor.networks[:4] if random.random() < 0.5 else []}
    return found


def asn(network: str) -> int:
    return int(network.split()[0][2:])


def ways_of(random: Random, actor: Profile) -> Ways:
    """A campaign as the actor runs it: by its own ways for the most part."""

    def own(chance: float) -> bool:
        return random.random() < chance

    networks = [(one, 1.0) for one in (random.sample(actor.hosters, 2) if own(0.6) else random.sample(HOSTERS, 6))]
    hashes = [f"{random.getrandbits(64):016x}" for _ in range(8)]
    if actor.own is not None and own(0.5):
        share = random.choice((1.0, 1.0, 0.95, 0.9, 0.5, 0.2))
        networks = [(actor.own, share), (random.choice(actor.hosters), 1.0 - share)]
        hashes = actor.networks if own(0.6) else hashes
    skills = actor.skills if own(0.85) else random.sample(SKILLS, 1)
    end = TODAY - timedelta(days=random.randrange(10, SPAN - 60))
    fitting = [
        day for day, _, skill in actor.releases if skill == skills[0] and day > TODAY - timedelta(days=SPAN - 90)
    ]
    if fitting and own(0.5):
        end = min(random.choice(fitting) - timedelta(days=random.randrange(3, 70)), TODAY)
    return Ways(
        networks,
        actor.clients if own(0.75) else random.sample(CLIENTS, 2),
        actor.countries if own(0.7) else random.sample(COUNTRIES, 4),
        actor.offset if own(0.7) else None,
        actor.temperature if own(0.7) else random.choice(TEMPERATURES),
        actor.length if own(0.7) else random.choice(LENGTHS),
        skills,
        actor.texts if own(0.6) else [text(random)],
        random.choice((1.0, 0.9, 0.6)),
        actor.mails if own(0.5) else random.sample(MAILS, 4),
        actor.payments if own(0.5) else random.sample(COUNTRIES, 5),
        random.choice((3, 5, 8, 12, 25, 40, 70, 120)),
        end,
        random.choice((3, 7, 14, 20, 28)),
        hashes,
    )


class Tables:
    """The tables of a case while it is built.

    Args:
        random: its chance.
        missing: what the log lacks: network, country, client, accounts, settings, samples, hours, taken, addresses.
    """

    def __init__(self, random: Random, missing: set[str]) -> None:
        self.random, self.missing = random, missing
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in (*CASE_TABLES, *CASE_VIEWS)}

    def add(self, name: str, ways: Ways, verdict: str = "act") -> None:
        """Add a campaign that is run in some ways."""
        random = self.random
        last = datetime.combine(ways.end, datetime.min.time(), UTC) + timedelta(hours=random.randrange(24))
        first = last - timedelta(days=ways.days)
        self.rows["campaigns"].append(
            {
                "campaign_id": name,
                "kind": "harvest",
                "score": 0.999 if verdict == "act" else 0.8,
                "verdict": verdict,
                "accounts": ways.accounts,
                "requests": ways.accounts * 40,
                "first_seen": first,
                "last_seen": last,
                "skills": ways.skills,
                "models": ["m"],
                "families": ["content", "queue"],
                "output_tokens": 1000,
                "list_value": 1.0,
                "estimated_requests": ways.accounts * 40,
            }
        )
        origins: dict[tuple[str, str], int] = {}
        for number in range(ways.accounts):
            self._account(name, ways, f"{name}-a{number}", (first, last), origins)
        for (aspect, value), requests in sorted(origins.items()):
            row = {"aspect": aspect, "value": value, "requests": requests, "accounts": min(ways.accounts, requests)}
            self.rows["origins"].append({"campaign_id": name, **row})
        self._time_and_taken(name, ways, first)

    def _account(
        self, name: str, ways: Ways, account: str, span: tuple[datetime, datetime], origins: dict[tuple[str, str], int]
    ) -> None:
        random = self.random
        network = random.choices([one for one, _ in ways.networks], [share + 1e-9 for _, share in ways.networks])[0]
        used = {
            "network": [] if random.random() < 0.03 else [network],
            "client": [random.choice(ways.clients)],
            "country": [random.choice(ways.countries if random.random() < 0.85 else COUNTRIES)],
        }
        used = {aspect: [] if aspect in self.missing else values for aspect, values in used.items()}
        for aspect, values in used.items():
            if aspect not in self.missing:
                key = (aspect, values[0] if values else "(unknown)")
                origins[key] = origins.get(key, 0) + 40
        length = (span[1] - span[0]) * random.uniform(0.3, 1.0)
        begin = span[0] + (span[1] - span[0] - length) * random.random()
        known = "accounts" not in self.missing
        self.rows["member_details"].append(
            {
                "campaign_id": name,
                "account_id": account,
                "first_seen": begin,
                "last_seen": begin + length,
                "clients": used["client"],
                "networks": used["network"],
                "ip_kinds": [],
                "countries": used["country"],
                "email_domain": random.choice(ways.mails if random.random() < 0.9 else MAILS) if known else None,
                "payment_country": random.choice(ways.payments if random.random() < 0.9 else COUNTRIES)
                if known
                else None,
            }
        )
        self._requests(name, ways, account, begin)

    def _requests(self, name: str, ways: Ways, account: str, begin: datetime) -> None:
        """One cited request, one excerpt and one network of an account."""
        random = self.random
        request = {"campaign_id": name, "account_id": account, "request_id": f"r-{account}", "timestamp": begin}
        if "settings" not in self.missing:
            mine = random.random() < 0.9
            temperature = ways.temperature if mine else random.choice(TEMPERATURES)
            self.rows["cited"].append({**request, "model": "m", "temperature": temperature, "max_tokens": ways.length})
        if "samples" not in self.missing and int(account.rsplit("-a", 1)[1]) < 20:
            own = random.random() < ways.text_share
            words = random.choice(ways.texts) if own else text(random)
            self.rows["samples"].append({**request, "text": f"{words} {text(random)}"[:240], "marks": []})
        if "addresses" not in self.missing:
            row = {"kind": "network", "hash": random.choice(ways.hashes), "requests": 40, "different": 1}
            self.rows["addresses"].append({"campaign_id": name, "account_id": account, **row})

    def _time_and_taken(self, name: str, ways: Ways, first: datetime) -> None:
        random = self.random
        step = 24 if "hours" in self.missing else 3 if ways.days > 9 else 1
        start = first.replace(minute=0, hour=0)
        for hour in range(0, ways.days * 24, step):
            local = (hour + (ways.offset or 0)) % 24
            weight = 1.0 if ways.offset is None or step == 24 else 1.0 if 8 <= local < 20 else 0.08
            if (requests := round(weight * ways.accounts * random.uniform(2, 6))) > 0:
                row = {"bucket": start + timedelta(hours=hour), "requests": requests, "accounts": 1}
                self.rows["timeline"].append({"campaign_id": name, **row})
        if "taken" not in self.missing:
            left, total = 1.0, ways.accounts * 40
            for skill in ways.skills:
                part = left * random.uniform(0.4, 0.95)
                left -= part
                self._take(name, "skill", skill, round(part * total))
            self._take(name, "skill", "(unknown)", round(left * total))
            self._take(name, "all", "all", total)

    def _take(self, name: str, aspect: str, value: str, requests: int) -> None:
        row = {"aspect": aspect, "value": value, "requests": requests, "samples": requests}
        self.rows["taken"].append({"campaign_id": name, **row, "output_tokens": requests, "list_value": 1.0})

    def tie(self, one: str, other: str, kinds: list[tuple[str, float]], number: int) -> None:
        """Tie two campaigns as one operator."""
        ordered = sorted(kinds, key=lambda kind: -kind[1])
        for first, second in ((one, other), (other, one)):
            self.rows["operators"].append(
                {
                    "operator_id": f"o-{number}",
                    "relation": "one_operator",
                    "campaign_id": first,
                    "tied_to": second,
                    "accounts": 20,
                    "bits": sum(bits for _, bits in ordered),
                    "kinds": [kind for kind, _ in ordered],
                    "kind_bits": [bits for _, bits in ordered],
                    "statements": [f"Accounts of both campaigns share {kind}" for kind, _ in ordered],
                }
            )

    def case(self) -> Case:
        """The finished case."""
        made = {
            name: table.build(**{c.name: [row.get(c.name) for row in self.rows[name]] for c in table.columns})
            for name, table in {**CASE_TABLES, **CASE_VIEWS}.items()
        }
        views = {name: made[name] for name in CASE_VIEWS}
        return Case({name: made[name] for name in CASE_TABLES}, run={"seed": 0, "case_version": CASE_VERSION}, **views)


OWN_TIES = (
    [("payment_fingerprint", 6.5), ("client_fingerprint", 5.0)],
    [("signup_prefix", 5.0), ("client_fingerprint", 6.0), ("schedule", 3.0)],
    [("client_fingerprint", 6.0), ("schedule", 4.0)],
    [("payment_fingerprint", 4.0), ("created_at", 4.0)],
)
"""Ties of campaigns of one operator, as docs/adr/0025-operators-above-campaigns.md measured them."""
SELLER_TIE = [("payment_fingerprint", 5.0), ("signup_prefix", 5.0), ("created_at", 4.0)]
"""Tie of two operators who bought accounts from one seller."""
_LACKING = {
    "network": 0.12,
    "country": 0.15,
    "client": 0.12,
    "accounts": 0.3,
    "settings": 0.3,
    "samples": 0.12,
    "hours": 0.3,
    "taken": 0.3,
    "addresses": 0.4,
}


@dataclass
class Setting:
    """A world before campaigns are added to it: its tables, actors and file."""

    random: Random
    tables: Tables
    actors: list[Profile]
    strangers: list[Profile]
    known: dict[str, list[str]]
    file: dict[str, Any]


def setting(seed: int, known_share: float = 0.5) -> Setting:
    """Actors in the file, actors who are not, and known campaigns of some of the former.

    Args:
        seed: of all chance.
        known_share: actors with a known campaign in the case.
    """
    random = Random(f"attribution/{seed}")  # noqa: S311 - a simulation
    tables = Tables(random, {name for name, share in _LACKING.items() if random.random() < share})
    actors = [profile(random, f"Actor {letter}") for letter in "ABCDEFGHIJKLMNOP"[: random.randrange(4, 17)]]
    likes: list[Profile | None] = [random.choice(actors) if random.random() < 0.4 else None for _ in range(8)]
    strangers = [profile(random, f"Stranger {number}", like) for number, like in enumerate(likes)]
    known: dict[str, list[str]] = {}
    for number, actor in enumerate(actors):
        known[actor.name] = []
        if random.random() < known_share:
            known[actor.name] = [f"known-{number}"]
            tables.add(f"known-{number}", replace(ways_of(random, actor), accounts=20))
    described_actors = [
        described(random, actor, known[actor.name], actor.hosters[0] if random.random() < 0.15 else None)
        for actor in actors
    ]
    own = [one["asn"] for actor in described_actors for one in actor["network"] if one.get("own")]
    for actor in described_actors:  # the format refuses two owners of one network
        actor["network"] = [one for one in actor["network"] if not one.get("own") or own.count(one["asn"]) == 1]
    return Setting(random, tables, actors, strangers, known, {"as_of": TODAY, "actor": described_actors})


def finished(made: Setting, truth: list[CampaignTruth]) -> World:
    return World(made.tables.case(), KnownActors(ActorsFile.model_validate(made.file), ""), truth)


def honest_world(seed: int, strangers: float = 0.5, stated: float = 0.5) -> World:
    """A case of ten campaigns that nobody framed.

    Args:
        seed: of all chance.
        strangers: share of campaigns by actors who are not in the file.
        stated: that share as the file states it.
    """
    made = setting(seed)
    made.file["somebody_else"] = stated
    random, truth = made.random, []
    for number in range(10):
        name = f"c-{number}"
        actor = random.choice(made.strangers if random.random() < strangers else made.actors)
        made.tables.add(name, ways_of(random, actor), "act" if random.random() < 0.85 else "review")
        truth.append(CampaignTruth(name, actor.name))
        if (known := made.known.get(actor.name)) and random.random() < 0.5:
            made.tables.tie(name, known[0], random.choice(OWN_TIES), number)
        elif (every := [one for of in made.known.values() for one in of]) and random.random() < 0.02:
            made.tables.tie(name, random.choice(every), SELLER_TIE, number)
    return finished(made, truth)


STRENGTHS = (
    "client, settings, country, sign-up",
    "+ known texts, word for word",
    "+ its network for 30 % of accounts",
    "+ its network for 60 % of accounts",
    "+ its network for 100 % of accounts",
    "+ accounts of the same seller",
)
PERFECT = len(STRENGTHS)
"""Strength of a perfect false flag: the actor's payment instruments and client fingerprints, too."""


def false_flag(seed: int, strength: int, *, bait: bool, by_known: bool) -> World:
    """A case with one campaign in which one actor's marks are planted by another.

    The framer knows the file by heart. Its target has an own network, texts and a known campaign in the case.

    Args:
        seed: of all chance.
        strength: index of `STRENGTHS`, each with what the ones before have; or `PERFECT`.
        bait: the campaign takes the target's skill and ends before a release that was announced.
        by_known: the framer is another actor of the file; else somebody who is not in it.
    """
    made = setting(seed, known_share=1.0)
    random = made.random
    made.tables.missing = set()  # the framer's best case: the log shows every mark that is planted
    target, framer = made.actors[0], made.actors[1] if by_known else made.strangers[0]
    target.own = target.own or f"AS655000 {target.name}"
    entry = made.file["actor"][0]
    entry |= {
        "network": [{"asn": asn(target.own), "own": True}],
        "client": [{"family": one} for one in dict.fromkeys(target.clients)],
        "countries": target.countries,
        "phrases": target.texts,
        "settings": {"temperature": [target.temperature], "max_tokens": [target.length]},
        "skills": target.skills,
        "sign_up": {"email_domains": target.mails, "payment_countries": target.payments},
    }
    for other in made.file["actor"][1:]:
        other["network"] = [one for one in other["network"] if one["asn"] != asn(target.own)]
    ways = replace(
        ways_of(random, framer),
        clients=target.clients,
        countries=target.countries,
        offset=target.offset,
        temperature=target.temperature,
        length=target.length,
        mails=target.mails,
        payments=target.payments,
        accounts=random.choice((8, 25, 60)),
    )
    if strength >= 1:
        ways = replace(ways, texts=target.texts, text_share=1.0)
    if strength >= 2:
        share = (0.3, 0.6, 1.0, 1.0, 1.0)[strength - 2]
        ways = replace(ways, networks=[(target.own, share), (random.choice(framer.hosters), 1.0 - share)])
    if bait:
        day = TODAY - timedelta(days=random.randrange(0, 200))
        announced = day - timedelta(days=60)
        skill = target.skills[0]
        model = {"name": "Bait", "released": day, "announced": announced, "skills": [skill]}
        entry["model"] = [*entry.get("model", []), model]
        ways = replace(ways, skills=[skill], end=day - timedelta(days=random.randrange(5, 40)))
    made.tables.add("c-flag", ways)
    known = made.known[target.name][0]
    if strength == PERFECT - 1:
        made.tables.tie("c-flag", known, SELLER_TIE, 1)
    elif strength == PERFECT:
        made.tables.tie("c-flag", known, OWN_TIES[0], 1)
    for number in range(4):
        made.tables.add(f"c-{number}", ways_of(random, random.choice([*made.actors, *made.strangers])))
    return finished(made, [CampaignTruth("c-flag", framer.name, target.name)])
