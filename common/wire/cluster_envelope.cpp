#include "common/wire/cluster_envelope.hpp"

#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/duration.hpp"
#include "common/base/name.hpp"
#include "common/wire/cluster_messages.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/log_entries.hpp"

namespace tandem::wire {

namespace {

constexpr std::size_t pass_digits = 32;
constexpr std::uint64_t election_timeout_ms_max = 5 * 60 * 1000;
constexpr std::size_t reason_bytes_max = 128;

FeatureLevel read_format(MemberReader& reader) {
  auto format = features::oldest;
  reader.number("format", format, 1, std::numeric_limits<std::uint64_t>::max());
  if (format <= features::newest) return format;
  reader.refuse("format", fmt::format("{} is of a later version; this one reads {}", format,
                                      features::newest));
  return format;
}

void read_applied(MemberReader& reader, ClusterEnvelope& envelope) {
  if (reader.is_null("applied")) return;
  constexpr std::size_t digits = 16;
  auto& applied = envelope.applied.emplace();
  read_part(reader, "applied", [&](MemberReader& part) {
    part.number("index", applied.index, 0, id_max);
    part.number("term", applied.term, 0, id_max);
    std::string text;
    part.text("digest", text, digits);
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), applied.digest, 16);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    if (!is_whole || text.size() != digits) {
      part.refuse("digest", fmt::format("must be {} hex digits", digits));
    }
  });
}

void read_numeric_address(MemberReader& reader, const char* member, std::string& text) {
  reader.text(member, text);
  if (text.empty() || reader.failed()) return;
  Endpoint address;
  reader.numeric_endpoint(member, address);
}

void read_pass(MemberReader& reader, std::string& pass) {
  reader.text("pass", pass, pass_digits);
  const bool hex = pass.find_first_not_of("0123456789abcdef") == pass.npos;
  if (!hex || (!pass.empty() && pass.size() != pass_digits)) {
    reader.refuse("pass", fmt::format("must be empty or {} hex digits", pass_digits));
  }
}

}  // namespace

namespace {

void read(MemberReader& reader, EjectedWorker& worker) {
  constexpr std::uint64_t left_ms_max = 24 * 60 * 60 * 1000;
  std::int64_t left_ms = 0;
  reader.name("name", worker.name);
  reader.number("left_ms", left_ms, 0, left_ms_max);
  reader.number("ejections", worker.ejections, 1, 1'000'000);
  if (!reader.is_null("reason")) reader.text("reason", worker.reason, reason_bytes_max);
  worker.left = std::chrono::milliseconds(left_ms);
}

// The text of a failure names a file, and the name may contain any bytes.
std::string excerpt(std::string_view failure) {
  std::string text;
  for (const char byte : failure.substr(0, disk_failure_bytes_max)) {
    text += byte >= ' ' && byte <= '~' ? byte : '?';
  }
  return text;
}

nlohmann::ordered_json documents_of(const std::vector<EjectedWorker>& ejected) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& worker : ejected) {
    list.push_back(
        {{"name", worker.name}, {"left_ms", to_ms(worker.left)}, {"ejections", worker.ejections}});
    if (!worker.reason.empty()) list.back()["reason"] = worker.reason.substr(0, reason_bytes_max);
  }
  return list;
}

void read_panicking(MemberReader& reader, std::vector<std::string>& services) {
  if (reader.is_null("panicking")) return;
  for (const auto* element : reader.elements("panicking", limits::services_max)) {
    if (!element->is_string() || !is_name(element->get_ref<const std::string&>())) {
      return reader.refuse("panicking", "must be an array of service names");
    }
    services.push_back(element->get<std::string>());
  }
}

void read_standing(MemberReader& reader, std::optional<Standing>& standing) {
  if (reader.is_null("standing")) return;
  const auto* object = reader.object("standing");
  if (object == nullptr) return;
  MemberReader part(*object, "standing");
  read(part, standing.emplace());
  const auto finished = part.finish(UnknownMembers::refuse);
  if (!finished.ok()) reader.refuse(finished.error());
}

}  // namespace

std::string to_json(const ClusterEnvelope& envelope) {
  auto messages = nlohmann::ordered_json::array();
  for (const auto& message : envelope.messages) messages.push_back(document_of(message));
  nlohmann::ordered_json document{{"format", envelope.features.level.value()},
                                  {"node", envelope.node.name()},
                                  {"listen", envelope.listen},
                                  {"pass", envelope.pass},
                                  {"election_timeout_ms", to_ms(envelope.election_timeout)}};
  if (envelope.control.port != 0) document["control"] = envelope.control.to_string();
  if (!envelope.inner.empty() && envelope.features.level >= features::inner_addresses) {
    document["inner"] = envelope.inner;
  }
  if (!envelope.disk_failure.empty() && envelope.features.level >= features::agreed_state)
    document["disk_failure"] = excerpt(envelope.disk_failure);
  const auto& found_out = envelope.found_out;
  if (!found_out.ejected.empty()) document["ejected"] = documents_of(found_out.ejected);
  if (!found_out.panicking.empty()) document["panicking"] = found_out.panicking;
  if (envelope.standing) document["standing"] = document_of(*envelope.standing);
  if (const auto& applied = envelope.applied;
      applied && envelope.features.level >= features::agreed_state) {
    document["applied"] = {{"index", applied->index.value()},
                           {"term", applied->term.value()},
                           {"digest", fmt::format("{:016x}", applied->digest)}};
  }
  document["messages"] = std::move(messages);
  return dump_exactly(document);
}

Result<ClusterEnvelope> parse_cluster_envelope(std::string_view json) {
  const auto document =
      parse_object(json, limits::cluster_body_bytes_max, limits::envelope_values_max);
  if (!document.ok()) return document.error();
  ClusterEnvelope envelope;
  std::string node;
  MemberReader reader(*document);
  const auto format =
      read_format(reader);  // first: with an unknown format, other errors follow from it
  reader.name("node", node);
  if (!reader.is_null("control")) reader.numeric_endpoint("control", envelope.control);
  read_numeric_address(reader, "listen", envelope.listen);
  if (format >= features::inner_addresses && !reader.is_null("inner")) {
    read_numeric_address(reader, "inner", envelope.inner);
  }
  read_pass(reader, envelope.pass);
  std::int64_t election_timeout_ms = 0;
  reader.number("election_timeout_ms", election_timeout_ms, 1, election_timeout_ms_max);
  envelope.election_timeout = std::chrono::milliseconds(election_timeout_ms);
  if (!reader.is_null("disk_failure")) {
    reader.text("disk_failure", envelope.disk_failure, disk_failure_bytes_max);
  }
  if (!reader.is_null("ejected")) {
    read_parts(reader, "ejected", envelope.found_out.ejected, limits::ejected_workers_max,
               [](MemberReader& part, EjectedWorker& worker) { read(part, worker); });
  }
  read_panicking(reader, envelope.found_out.panicking);
  read_standing(reader, envelope.standing);
  if (format >= features::agreed_state) read_applied(reader, envelope);
  read_parts(reader, "messages", envelope.messages, limits::envelope_messages_max,
             [](MemberReader& part, core::Message& message) { read(part, message); });
  const auto finished = reader.finish(UnknownMembers::refuse);
  if (!finished.ok()) return finished.error();
  envelope.node = core::NodeId(node);
  return envelope;
}

}  // namespace tandem::wire
