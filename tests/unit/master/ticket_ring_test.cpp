#include <catch2/catch.hpp>

#include <algorithm>

#include "master/forward/tls/tickets.hpp"

namespace tandem::master::tls::ticket_ring_test {

using namespace std::chrono_literals;

namespace {

using Time = TicketRing::Time;
using Standing = Tickets::Standing;

const Time start = std::chrono::system_clock::from_time_t(1'800'000'000);

bool decrypts(const TicketRing& ring, const TicketKey& key) {
  return std::find(ring.keys().begin(), ring.keys().end(), key) != ring.keys().end();
}

struct Master {
  explicit Master(Time now = start) : tickets(12h, now) {}
  void tick(Time now, Standing standing) { tickets.tick(now, standing, use); }
  const TicketRing& ring() const { return tickets.ring(); }

  int used = 0;
  Tickets::Use use = [this](const auto& keys) { used += keys == nullptr ? 0 : 1; };
  Tickets tickets;
};

}  // namespace

TEST_CASE("the next key is known before it encrypts, and decrypts for two turns after") {
  auto ring = TicketRing::make(start);
  CHECK(ring.keys().size() == 2);
  const auto key = ring.next();
  CHECK_FALSE(key == ring.current());
  ring.turn(start + 12h);
  CHECK(ring.current() == key);
  CHECK(ring.since() == start + 12h);
  for (int turns = 1; turns <= 3; ++turns) {
    ring.turn(start + 24h);
    CHECK(decrypts(ring, key) == (turns <= 2));
    CHECK(ring.keys().size() == std::min<std::size_t>(turns + 3, 4));
  }
}

TEST_CASE("each turn gives the ring another version") {
  auto ring = TicketRing::make(start);
  const auto before = ring.version();
  CHECK(before.size() == 32);
  ring.turn(start);
  CHECK(ring.version() != before);
  CHECK(TicketRing::make(start).version() != before);
}

TEST_CASE("a ring that was told another master is the same there, at any length and age") {
  auto ring = TicketRing::make(start);
  for (int turns = 0; turns < 4; ++turns) {
    const auto bytes = ring.to_bytes(start + 5h);
    const auto told = TicketRing::from_bytes(bytes, start + 5h);
    REQUIRE(told);
    CHECK(*told == ring);
    // A clock that is off by a day makes no difference to the age.
    CHECK(TicketRing::from_bytes(bytes, start + 29h)->since() == ring.since() + 24h);
    ring.turn(start + 1ms);
  }
}

TEST_CASE("what is no ring is not taken for one") {
  const auto bytes = TicketRing::make(start).to_bytes(start);
  CHECK_FALSE(TicketRing::from_bytes("", start));
  CHECK_FALSE(TicketRing::from_bytes("ring1", start));
  CHECK_FALSE(TicketRing::from_bytes("ring2" + bytes.substr(5), start));
  CHECK_FALSE(TicketRing::from_bytes(bytes + "x", start));
  CHECK_FALSE(TicketRing::from_bytes(bytes.substr(0, bytes.size() - 1), start));
  CHECK_FALSE(TicketRing::from_bytes(bytes.substr(0, bytes.size() - 80), start));
  CHECK_FALSE(TicketRing::from_bytes(bytes + std::string(3 * 80, 'k'), start));
  auto negative = bytes;
  negative.replace(negative.find(" 0 ") + 1, 1, "-1");
  CHECK_FALSE(TicketRing::from_bytes(negative, start));
}

TEST_CASE("the primary's ring turns when all have it, or half an hour later") {
  Master master;
  const auto first = master.ring();
  master.tick(start + 12h - 1s, Standing::primary);
  CHECK(master.ring() == first);
  master.tick(start + 12h, Standing::primary_awaits);
  master.tick(start + 12h + 29min, Standing::primary_awaits);
  CHECK(master.ring() == first);
  CHECK(master.used == 0);
  master.tick(start + 12h + 29min, Standing::primary);
  CHECK(master.ring().current() == first.next());
  CHECK(master.used == 1);
  const auto second = master.ring();
  master.tick(start + 24h + 59min, Standing::primary_awaits);
  CHECK(master.ring().current() == second.next());
}

TEST_CASE("who hears of no primary for half an interval turns its ring by itself") {
  Master master;
  const auto first = master.ring();
  master.tick(start + 18h - 1s, Standing::other);
  CHECK(master.ring() == first);
  master.tick(start + 18h, Standing::other);
  CHECK(master.ring().current() == first.next());
}

TEST_CASE("a master that takes over goes on with the ring that it was told, at its time") {
  Master primary;
  Master standby(start + 2h);
  REQUIRE(standby.tickets.take(primary.ring().to_bytes(start + 3h), start + 3h, standby.use));
  CHECK(standby.ring() == primary.ring());
  CHECK(standby.used == 1);
  // What it has already is not taken into use again.
  CHECK(standby.tickets.take(primary.ring().to_bytes(start + 4h), start + 4h, standby.use));
  CHECK(standby.used == 1);
  CHECK_FALSE(standby.tickets.take("rubbish", start + 4h, standby.use));
  standby.tick(start + 12h - 1s, Standing::primary);
  CHECK(standby.ring() == primary.ring());
  standby.tick(start + 12h, Standing::primary);
  CHECK(standby.ring().current() == primary.ring().next());
  CHECK(decrypts(standby.ring(), primary.ring().current()));
}

}  // namespace tandem::master::tls::ticket_ring_test
