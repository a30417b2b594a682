// Which hosts a listener answers to. A page in a browser reaches a listener on the loopback by a
// name of its own that is made to lead there (DNS rebinding); that name then stands in `Host`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace satgate::flow {

// "localhost" and what is below it, 127.0.0.0/8 and ::1, without brackets. In public DNS nobody can
// own such a name.
bool is_loopback_host(std::string_view host);

// A listener on the loopback answers to loopback names, to those that container runtimes give to
// their host, and to those of the config. One elsewhere answers to any name until the config lists
// some: a name that leads to it may be anybody's choice.
class HostRules {
 public:
  // `listen` as in the config; what cannot be read counts as the loopback.
  void bind(std::string_view listen);
  // An entry of `hosts`: a name or an address without a port; `*` matches any run of characters.
  void list(std::string entry);
  // The host of `server.publicUrl`. It does not make a listener elsewhere choosy.
  void add_public(std::string host) { public_host_ = std::move(host); }

  // `field` is a Host field: host[:port].
  bool answers_to(std::string_view field) const;
  // Whether the config names this host, and not just any by `*`.
  bool names(std::string_view host) const;
  bool on_loopback() const { return on_loopback_; }

  static bool is_entry(std::string_view text);

 private:
  std::string bound_ = "127.0.0.1";
  std::string public_host_;
  std::vector<std::string> entries_;  // lower case
  bool on_loopback_ = true;
};

}  // namespace satgate::flow
