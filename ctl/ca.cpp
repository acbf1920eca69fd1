#include "ctl/ca.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/access/last_day.hpp"
#include "common/base/command_line.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/limits.hpp"
#include "common/base/small_file.hpp"
#include "common/tls/authority.hpp"
#include "common/tls/limits.hpp"
#include "ctl/bound_command.hpp"
#include "ctl/new_file.hpp"

namespace tandem::ctl {

namespace {

using Json = nlohmann::ordered_json;

constexpr unsigned private_mode = 0600;
constexpr unsigned public_mode = 0644;

void bind_texts(CLI::App& app, const std::string& flag, const std::string& placeholder,
                const std::string& help, std::vector<std::string>& texts) {
  bind_each(app, flag, placeholder, help,
            [&texts](std::string_view text, std::string_view) -> Result<> {
              texts.emplace_back(text);
              return {};
            });
}

void bind_issue(CLI::App& command, CaFlags& flags) {
  bind_name(command, "--master", "the master of that name", flags.master);
  bind_name(command, "--worker", "the worker of that name", flags.worker);
  bind_name(command, "--operator", "a person, or a tool", flags.operator_);
  bind_texts(command, "--address", "ADDRESS",
             "where it is; repeatable. A worker may be nowhere else; by default it is where it "
             "calls from. Of a master also a name: for tools such as curl, masters and workers "
             "go by its identity",
             flags.addresses);
  bind_texts(command, "--service", "NAME",
             "of a worker: a service that it may belong to; repeatable; *: any [default]",
             flags.services);
  bind_switch(command, "--witness", "of a worker: it may vote", flags.witness);
  bind_text(command, "--role", "viewer|operator",
            "of an operator: whether it may only look, or also change things [operator]",
            flags.role);
  bind_number(command, "--days", "how long it is valid", flags.days,
              {1, limits::certificate_days_max});
}

// Names which are given more than once, or do not belong together, in a sentence.
Result<tls::Identity> identity_in(const CaFlags& flags) {
  const auto given = !flags.master.empty() + !flags.worker.empty() + !flags.operator_.empty();
  if (given != 1) return invalid("give one of --master, --worker and --operator");
  if (flags.worker.empty() && (!flags.services.empty() || flags.witness)) {
    return invalid("--service and --witness are for a --worker");
  }
  if (flags.operator_.empty() && !flags.role.empty()) {
    return invalid("--role is for an --operator");
  }
  if (!flags.role.empty() && flags.role != "viewer" && flags.role != "operator") {
    return invalid("--role must be viewer or operator");
  }
  tls::Identity identity{.kind = tls::Kind::operator_, .name = flags.operator_};
  if (!flags.master.empty()) identity = {.kind = tls::Kind::master, .name = flags.master};
  if (!flags.worker.empty()) identity = {.kind = tls::Kind::worker, .name = flags.worker};
  identity.services = flags.services;
  identity.witness = flags.witness;
  identity.only_looks = flags.role == "viewer";
  for (const auto& address : flags.addresses) {
    if (Endpoint{address, 0}.is_numeric()) {
      identity.addresses.push_back(address);
    } else if (identity.kind == tls::Kind::worker || !parse_endpoint(address + ":1", "")) {
      return invalid(fmt::format("--address {} is no numeric address", address));
    } else {
      identity.hosts.push_back(address);
    }
  }
  return identity;
}

Result<std::string> read_file(const std::string& path, bool is_private) {
  auto content = is_private ? read_private_file(path, limits::pem_bytes_max)
                            : read_small_file(path, limits::pem_bytes_max);
  if (!content) return fail(ErrorCode::io, fmt::format("{} {}", path, content.error().message));
  return content;
}

// The key first: a certificate without its key would keep the pair from being made again.
Result<> write_pair(const std::string& stem, const tls::Issued& issued, bool force) {
  const auto key = stem + ".key";
  const auto certificate = stem + ".pem";
  for (const auto& path : {key, certificate}) {
    std::error_code ignored;
    if (force || !std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) continue;
    return fail(ErrorCode::io,
                fmt::format("{} is there already: --force replaces it and its key", path));
  }
  if (!force) {
    if (auto written = write_new_file(key, issued.key, private_mode, "tandem ca"); !written) {
      return written;
    }
    return write_new_file(certificate, issued.certificate, public_mode, "tandem ca");
  }
  if (auto written = replace_file(key, issued.key, key + ".new"); !written) return written;
  auto written = replace_file(certificate, issued.certificate, certificate + ".new");
  if (written && ::chmod(certificate.c_str(), public_mode) != 0) {
    return fail(ErrorCode::io, fmt::format("{}: {}", certificate, std::strerror(errno)));
  }
  return written;
}

std::string joined(const std::vector<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, ", "));
}

// What a certificate says, as lines or as a document.
std::string told(X509* certificate, const std::string& file, Format format) {
  const auto names = tls::names_of(certificate);
  Json document{{"file", file}};
  if (!names.uris.empty()) document["names"] = names.uris;
  if (!names.addresses.empty()) document["addresses"] = names.addresses;
  if (!names.hosts.empty()) document["hosts"] = names.hosts;
  document["until"] = tls::to_string(tls::expires(certificate));
  document["public_key_sha256"] = tls::key_digest(certificate);
  if (format == Format::json) return document.dump();
  std::string text;
  for (const auto& [key, value] : document.items()) {
    text += fmt::format("{:<18} {}\n", key,
                        value.is_array() ? joined(value.get<std::vector<std::string>>())
                                         : value.get<std::string>());
  }
  return text;
}

Result<std::string> told_of(const std::string& pem, const std::string& file, Format format) {
  const auto certificates = tls::certificates_in(pem);
  if (!certificates) return invalid(fmt::format("{} {}", file, certificates.error().message));
  return told(certificates->front().get(), file, format);
}

Result<std::string> init(const CaFlags& flags, Format format) {
  auto cluster = tls::parse_cluster_name(flags.cluster, "--cluster");
  if (!cluster) return cluster.error();
  if (::mkdir(flags.path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(ErrorCode::io, fmt::format("{}: {}", flags.path, std::strerror(errno)));
  }
  const auto made =
      tls::new_authority(*cluster, std::chrono::days(flags.authority_days), access::wall_time());
  const auto stem = flags.path + "/ca";
  if (auto written = write_pair(stem, made, flags.force); !written) return written.error();
  return told_of(made.certificate, stem + ".pem", format);
}

Result<std::string> issue(const CaFlags& flags, Format format) {
  auto identity = identity_in(flags);
  if (!identity) return identity.error();
  const auto authority = read_file(flags.path + "/ca.pem", false);
  if (!authority) return authority.error();
  const auto key = read_file(flags.path + "/ca.key", true);
  if (!key) return key.error();
  const auto stem =
      fmt::format("{}/{}-{}", flags.path, tls::to_string(identity->kind), identity->name);
  const auto issued = tls::issue(*authority, *key, std::move(*identity),
                                 std::chrono::days(flags.days), access::wall_time());
  if (!issued) return issued.error();
  if (auto written = write_pair(stem, *issued, flags.force); !written) return written.error();
  return told_of(issued->certificate, stem + ".pem", format);
}

}  // namespace

void add_ca_commands(CLI::App& app, CaFlags& flags) {
  auto& ca = *add_command(app, "ca", "issue the certificates of a cluster's members");
  ca.require_subcommand(1);
  flags.init = add_command(ca, "init", "make the private authority of a cluster, in a directory");
  flags.issue = add_command(
      ca, "issue", "issue a certificate and its key for a master, a worker or an operator");
  flags.show = add_command(
      ca, "show", "show whose a certificate is, until when, and by what it can be revoked");
  for (auto* command : {flags.init, flags.issue}) {
    bind_text(*command, "DIR", "", "the authority's directory, private to its owner", flags.path)
        ->required();
    bind_switch(*command, "--force", "replace files that are there", flags.force);
  }
  bind_text(*flags.show, "FILE", "", "a certificate in PEM", flags.path)->required();
  bind_text(*flags.init, "--cluster", "NAME", "the cluster's name: a-z 0-9 . _ -", flags.cluster)
      ->required();
  bind_number(*flags.init, "--days", "how long the authority is valid", flags.authority_days,
              {1, limits::certificate_days_max});
  bind_issue(*flags.issue, flags);
}

bool is_ca_command(const CaFlags& flags) {
  return flags.init->parsed() || flags.issue->parsed() || flags.show->parsed();
}

Result<std::string> run_ca(const CaFlags& flags, Format format) {
  if (flags.init->parsed()) return init(flags, format);
  if (flags.issue->parsed()) return issue(flags, format);
  const auto pem = read_file(flags.path, false);
  if (!pem) return pem.error();
  return told_of(*pem, flags.path, format);
}

}  // namespace tandem::ctl
