#include "master/control/discovery/registration_sharing.hpp"

#include <algorithm>
#include <iterator>

#include <boost/asio.hpp>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/name.hpp"
#include "common/base/secret.hpp"
#include "common/http/api_response.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "master/control/discovery/limits.hpp"
#include "master/control/pass_on.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t process_bytes = 8;
constexpr Duration telling_max = 1s;
constexpr Duration looked_at_every = 1s;
// In a message: one has 70 bytes at least.
constexpr std::size_t told_at_once_max = 700;

}  // namespace

RegistrationSharing::RegistrationSharing(Sources sources)
    : sources_(std::move(sources)), process_(random_hex(process_bytes)) {}

// ---- who there is

void RegistrationSharing::follow_others() {
  const auto now_there = sources_.others();
  std::erase_if(others_, [&](const auto& other) {
    return !now_there.contains(other.first) && !other.second.is_sending;
  });
  for (const auto& [name, control] : now_there) {
    const auto [place, is_new] = others_.try_emplace(name);
    place->second.control = control;
    if (is_new) tell_all(place->second);
  }
}

void RegistrationSharing::tell_all(Other& other) {
  for (const auto& [id, registration] : sources_.registrations.all()) {
    other.pending[id] = Extent::whole;
  }
}

void RegistrationSharing::spread(const std::string& id, Extent extent, std::string_view but) {
  follow_others();
  for (auto& [name, other] : others_) {
    if (name == but) continue;
    auto& pending = other.pending.try_emplace(id, extent).first->second;
    if (extent == Extent::whole) pending = extent;
    // One that was out of reach is tried again in its time.
    if (!other.is_out_of_reach) start(name, other);
  }
}

void RegistrationSharing::tick(Instant now) {
  if (stopped_ || now < look_again_) return;
  look_again_ = now + looked_at_every;
  follow_others();
  // With nothing to tell it is asked whether it has started anew, and lacks everything.
  if (sources_.registrations.all().empty()) return;
  for (auto& [name, other] : others_) start(name, other);
}

// ---- telling

void RegistrationSharing::start(const std::string& name, Other& other) {
  if (other.is_sending || stopped_) return;
  other.is_sending = true;
  asio::co_spawn(sources_.loop, send(name), asio::detached);
}

std::string RegistrationSharing::next_message(Other& other) const {
  auto list = Json::array();
  std::size_t bytes = 0;
  const auto instant = now();
  while (!other.pending.empty() && list.size() < told_at_once_max) {
    const auto place = other.pending.begin();
    const auto found = sources_.registrations.all().find(place->first);
    if (found == sources_.registrations.all().end()) {  // forgotten meanwhile
      other.pending.erase(place);
      continue;
    }
    auto document = document_of(found->second, place->second, instant);
    bytes += wire::dump(document).size();
    if (bytes > limits::registrations_message_bytes_max && !list.empty()) break;
    list.push_back(std::move(document));
    other.sent.insert(other.pending.extract(place));
  }
  return wire::dump(
      {{"node", sources_.node}, {"process", process_}, {"registrations", std::move(list)}});
}

asio::awaitable<void> RegistrationSharing::send(std::string name) {
  bool more = true;
  while (more && !stopped_) {
    auto& other = others_.at(name);  // stays while it is sent to
    const auto message = next_message(other);
    ControlRequest request;
    request.method = "POST";
    request.path = registrations_path;
    request.body = message;
    auto telling = pass_on(sources_.calls, other.control, request, sources_.token(), telling_max);
    const auto answer = co_await std::move(telling);
    const bool taken = answer && answer->status == 200;
    if (!taken) {
      // What was to be told meanwhile may be more than what was tried.
      for (const auto& [id, extent] : other.sent) {
        auto& pending = other.pending.try_emplace(id, extent).first->second;
        if (extent == Extent::whole) pending = extent;
      }
    }
    other.sent.clear();
    if (taken) took(other, answer->body);
    if (taken == other.is_out_of_reach) {
      log::info("master {} registrations name={} address={}", taken ? "takes" : "does not take",
                name, other.control.to_string());
    }
    other.is_out_of_reach = !taken;
    more = taken && !other.pending.empty();
    notify();
  }
  others_.at(name).is_sending = false;
}

void RegistrationSharing::took(Other& other, std::string_view reply) {
  const auto document = wire::parse_object(reply, limits::control_body_bytes_max);
  if (!document) return;
  wire::MemberReader reader(*document);
  std::string process;
  reader.name("process", process);
  for (const auto* id : reader.elements("wanted", told_at_once_max)) {
    if (id->is_string()) other.pending[id->get<std::string>()] = Extent::whole;
  }
  if (!reader.finish(wire::UnknownMembers::ignore)) return;
  if (other.process != process) tell_all(other);
  other.process = process;
}

// ---- waiting for it

bool RegistrationSharing::is_shared(const std::string& id) const {
  return std::all_of(others_.begin(), others_.end(), [&](const auto& named) {
    const auto& other = named.second;
    return other.is_out_of_reach || (!other.pending.contains(id) && !other.sent.contains(id));
  });
}

asio::awaitable<void> RegistrationSharing::shared(std::string id) {
  const auto end = std::chrono::steady_clock::now() + limits::registrations_shared_max;
  while (!stopped_ && !is_shared(id) && std::chrono::steady_clock::now() < end) {
    asio::steady_timer timer(sources_.loop, end);
    waiting_.insert(&timer);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    waiting_.erase(&timer);
  }
}

void RegistrationSharing::notify() {
  for (auto* const each : waiting_) each->cancel();
}

void RegistrationSharing::stop() {
  stopped_ = true;
  notify();
}

// ---- being told

ControlResponse RegistrationSharing::answer(const ControlRequest& request) {
  const auto document = wire::parse_object(request.body, limits::control_body_bytes_max);
  if (!document) return refusal(document.error());
  wire::MemberReader reader(*document);
  std::string node;
  std::string process;
  reader.name("node", node);
  reader.name("process", process);
  const auto told = reader.elements("registrations", told_at_once_max);
  if (auto read = reader.finish(wire::UnknownMembers::ignore_scalars); !read) {
    return refusal(read.error());
  }
  auto wanted = Json::array();
  const auto instant = now();
  for (const auto* each : told) {
    auto registration = read_registration(*each, instant);
    if (!registration) {
      log::warn("registration not understood node={} reason=\"{}\"", node,
                registration.error().message);
      continue;
    }
    const auto id = registration->id;
    const bool is_whole = registration->removed || !registration->service.empty();
    const auto taken = sources_.registrations.take(std::move(*registration), instant);
    if (taken == Registrations::Taken::wanted) wanted.push_back(id);
    if (taken == Registrations::Taken::refused) {
      log::warn("registration not taken, for lack of room node={}", node);
    }
    if (taken != Registrations::Taken::news) continue;
    const auto extent = is_whole ? Extent::whole : Extent::reports;
    spread(id, extent, node);
    sources_.on_news(id, extent);
  }
  // It has started anew: it is not waited for until it answers as another.
  if (const auto other = others_.find(node);
      other != others_.end() && other->second.process != process) {
    other->second.process = process;
    tell_all(other->second);
    start(node, other->second);
  }
  auto response =
      tandem::document(wire::dump({{"process", process_}, {"wanted", std::move(wanted)}}));
  response.trusts = true;
  return response;
}

}  // namespace tandem::master
