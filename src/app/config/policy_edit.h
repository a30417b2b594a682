// Changes one entry of `policies` in the text of a config file and leaves every other line,
// comments included, as it is.
#pragma once

#include <string>
#include <string_view>

#include "app/config/policy_template.h"
#include "base/result.h"

namespace satgate::app {

// The text with `policies.TOKEN` naming this template and these parameters; what the entry says
// besides stays. The result was read again and compared: it differs in nothing else. Files in JSON
// style, and others that can not be changed line by line, are an error that says what to write.
Result<std::string> with_template(std::string_view text, const std::string& token,
                                  const std::string& reference, const ParameterValues& values);

}  // namespace satgate::app
