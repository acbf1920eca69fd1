// What registries say that --discover reads and --publish writes: the JSON of Consul, of etcd and
// of nodes of ZooKeeper (json.dict), and ZooKeeper's messages, behind a session that has been
// granted.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "common/base/assert.hpp"
#include "common/wire/limits.hpp"
#include "input.hpp"
#include "master/discovery/consul_answers.hpp"
#include "master/discovery/etcd_answers.hpp"
#include "master/discovery/limits.hpp"
#include "master/discovery/zookeeper_node.hpp"
#include "master/discovery/zookeeper_session.hpp"
#include "master/publication/etcd_documents.hpp"
#include "master/publication/limits.hpp"
#include "master/publication/zookeeper_names.hpp"
#include "master/publication/zookeeper_registration.hpp"

using namespace tandem;
using namespace tandem::fuzz;
using namespace tandem::master;

namespace {

void must_be_a_list(const InstanceList& list) {
  const auto& all = list.instances;
  TANDEM_ASSERT(all.size() <= limits::source_instances_max);
  TANDEM_ASSERT(list.skipped.size() <= limits::source_skipped_told_max);
  TANDEM_ASSERT(list.skipped.size() <= list.skipped_count);
  for (const auto& each : all) {
    TANDEM_ASSERT(each.address.is_numeric() && each.address.port != 0);
    TANDEM_ASSERT(!each.address.is_unspecified() && each.weight <= limits::weight_max);
  }
  const auto is_out_of_order = [](const ListedInstance& a, const ListedInstance& b) {
    return !(a.address < b.address);
  };
  TANDEM_ASSERT(std::adjacent_find(all.begin(), all.end(), is_out_of_order) == all.end());
  // They are for people.
  for (const auto& why : list.skipped) {
    TANDEM_ASSERT(why.size() < 2'048);
    for (const unsigned char c : why) TANDEM_ASSERT(c >= ' ' && c != 0x7f);
  }
}

// What is sent are frames, of which none is long.
void must_be_frames(std::string_view sent) {
  while (!sent.empty()) {
    const auto length = JuteReader(sent).number();
    TANDEM_ASSERT(length && *length >= 8 && *length < 4'096);
    TANDEM_ASSERT(sent.size() >= 4 + static_cast<std::size_t>(*length));
    sent.remove_prefix(4 + static_cast<std::size_t>(*length));
  }
}

std::string play(std::string_view input, const std::optional<InstanceList>& known, Cuts* cuts) {
  ZooKeeperSession session({.path = "/web", .credentials = "u:p", .known = known});
  session.begin({"127.0.0.1", 1});
  std::string sent;
  while (!input.empty() && !session.is_over()) {
    const auto bytes = cuts == nullptr ? input.size() : cuts->next(input.size());
    session.feed(input.substr(0, bytes));
    input.remove_prefix(bytes);
    session.pull(sent);
  }
  must_be_frames(sent);
  if (session.answer()) {
    must_be_a_list(*session.answer());
    TANDEM_ASSERT(!known || session.answer() != known);
  }
  // Nobody says anything any more.
  for (int i = 0; i <= limits::source_session_ticks_max; ++i) {
    sent.clear();
    session.tick();
    session.pull(sent);
    must_be_frames(sent);
  }
  TANDEM_ASSERT(session.is_over());
  TANDEM_ASSERT(session.answer() || !session.problem().empty());
  return session.problem();
}

std::string play_registration(std::string_view input, Cuts* cuts) {
  ZooKeeperRegistration session(
      {.root = "s", .credentials = "u:p", .registered_ms = 1, .may_publish = [] { return true; }});
  session.want({.entries = std::make_shared<const PublishedEntries>(
                    PublishedEntries{{.service = "web", .address = {"10.0.0.1", 80}}}),
                .withdrawn = {},
                .spares_former = false,
                .master = {.cluster = "5", .node = "a"}});
  session.begin({"127.0.0.1", 1});
  std::string sent;
  while (!input.empty() && !session.is_over()) {
    const auto bytes = cuts == nullptr ? input.size() : cuts->next(input.size());
    session.feed(input.substr(0, bytes));
    input.remove_prefix(bytes);
    session.pull(sent);
  }
  must_be_frames(sent);
  TANDEM_ASSERT(session.held().entries <= 1);
  // Nobody says anything any more.
  constexpr auto ticks = 2 * limits::publication_silence_max / limits::publication_tick;
  for (int i = 0; i <= ticks; ++i) {
    sent.clear();
    session.tick();
    session.pull(sent);
    must_be_frames(sent);
  }
  TANDEM_ASSERT(session.is_over() && !session.problem().empty());
  return session.problem();
}

void play_etcd(std::string_view text) {
  for (const auto& lease : {read_etcd_lease(text), read_etcd_renewal(text)}) {
    if (!lease) continue;
    TANDEM_ASSERT(lease->id.find_first_not_of("0123456789") == std::string::npos);
    TANDEM_ASSERT(lease->seconds >= 0 && !lease->id.empty());
  }
  if (const auto keys = read_etcd_ranges(text); keys.ok()) {
    for (const auto& key : *keys) TANDEM_ASSERT(key.revision > 0);
  }
  if (const auto outcome = read_etcd_outcome(text); outcome.ok()) {
    TANDEM_ASSERT(outcome->revision > 0);
  }
  is_etcd_value_of(text, "5");
  if (const auto address = address_of_node(text, "5")) TANDEM_ASSERT(address->is_numeric());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  if (const auto list = read_consul_instances(text); list.ok()) must_be_a_list(*list);
  if (const auto keys = read_etcd_keys(text); keys.ok()) must_be_a_list(keys->instances);
  if (const auto index = next_consul_index(7, text)) TANDEM_ASSERT(*index >= 7);
  TANDEM_ASSERT(read_etcd_token(text).find('\n') == std::string::npos);
  has_etcd_news(text);
  play_etcd(text);
  InstanceCollector collector;
  take_zookeeper_node(collector, "name", text);
  take_zookeeper_node(collector, text, "");
  must_be_a_list(std::move(collector).list());

  const auto opening =
      JuteWriter().number(0).number(10'000).long_number(7).text("password").frame();
  for (const auto& input : {std::string(text), opening + std::string(text)}) {
    for (const auto& known : {std::optional<InstanceList>(), std::optional(InstanceList())}) {
      Cuts cuts(input);
      TANDEM_ASSERT(play(input, known, nullptr) == play(input, known, &cuts));
    }
    Cuts cuts(input);
    TANDEM_ASSERT(play_registration(input, nullptr) == play_registration(input, &cuts));
  }
  return 0;
}
