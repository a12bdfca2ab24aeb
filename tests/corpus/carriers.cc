// SPDX-License-Identifier: Apache-2.0
#include "tests/corpus/carriers.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "server/detect/kernel_line.h"

namespace lk::detect {
namespace {

using Line = CarriedLine;
using Out = std::string;

template <typename... Arguments>
void Print(Out& out, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Arguments>(arguments)...);
}

int64_t Seconds(const Line& line) {
  return line.micros / 1000000;
}
int64_t Fraction(const Line& line) {
  return line.micros % 1000000;
}
// "03:04:05" of a day that begins when the machine boots.
std::string Clock(const Line& line) {
  const int64_t s = Seconds(line);
  return fmt::format("{:02}:{:02}:{:02}", s / 3600 % 24, s / 60 % 60, s % 60);
}
std::string Iso(const Line& line) {
  return "2031-04-07T" + Clock(line);
}
std::string_view Source(const Line& line) {
  return line.kernel ? "kernel" : "init[1]";
}
std::string_view TextOf(const Line& line) {
  return line.kernel ? line.text : line.raw;
}

// As on a console, but never in the middle of a line.
std::string Printed(const Line& line) {
  if (!line.kernel || !line.timed) return std::string(line.raw);
  return fmt::format("[{:5}.{:06}]{} {}", Seconds(line), Fraction(line),
                     line.caller.empty() ? "" : fmt::format("[{:>6}]", line.caller), line.text);
}

// A JSON string as most programs write it, or as Go does.
std::string Json(std::string_view text, bool go = false) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || (go && (c == '<' || c == '>' || c == '&'))) {
      Print(out, "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Html(std::string_view text, std::string_view blank = " ") {
  std::string out;
  for (const char c : text) {
    out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == ' ' ? blank : std::string_view(&c, 1);
  }
  return out;
}

std::string Bytes(std::string_view text) {
  std::string out = "[";
  for (const char c : text) Print(out, "{}{}", out.size() == 1 ? "" : ",", static_cast<uint8_t>(c));
  return out + ']';
}

void Journal(const Line& line, Out& out, std::string_view message) {
  Print(out,
        "{{\"__CURSOR\":\"s=6f;i={:x};b=2a;m={:x};t=5f;x=1\",\"__REALTIME_TIMESTAMP\":\"1711{:012}\","
        "\"__MONOTONIC_TIMESTAMP\":\"{}\",\"_BOOT_ID\":\"2a4c6e80\",\"PRIORITY\":\"4\",\"_TRANSPORT\":\"{}\","
        "\"SYSLOG_FACILITY\":\"{}\",\"SYSLOG_IDENTIFIER\":\"{}\",\"MESSAGE\":{},\"_MACHINE_ID\":\"91b3\","
        "\"_HOSTNAME\":\"box\"}}\n",
        line.number, line.micros, line.micros, line.micros, line.kernel ? "kernel" : "stdout", line.kernel ? 0 : 3,
        line.kernel ? "kernel" : "init", message);
}

// The lines of a mail, wrapped between words.
void Wrap(std::string_view line, std::string_view mark, size_t width, Out& out) {
  while (line.size() + mark.size() > width) {
    const size_t blank = line.rfind(' ', width - mark.size());
    if (blank == std::string_view::npos || blank == 0 || line.find_first_not_of(' ') > blank) break;
    Print(out, "{}{}\n", mark, line.substr(0, blank));
    line.remove_prefix(blank + 1);
  }
  Print(out, "{}{}\n", mark, line);
}

constexpr Carrier kCarriers[] = {
    {"journalctl, rsyslog", "",
     [](const Line& l, Out& out) { Print(out, "Apr  7 {} box {}: {}\n", Clock(l), Source(l), TextOf(l)); }, false,
     true},
    {"journalctl, rsyslog", "short-precise",
     [](const Line& l, Out& out) {
       Print(out, "Apr 07 {}.{:06} box {}: {}\n", Clock(l), Fraction(l), Source(l), TextOf(l));
     },
     false, true},
    {"journalctl, rsyslog", "with printk's times",
     [](const Line& l, Out& out) { Print(out, "Apr  7 {} box {}: {}\n", Clock(l), Source(l), Printed(l)); }, true,
     true},
    {"journalctl, rsyslog", "logread",
     [](const Line& l, Out& out) {
       Print(out, "Mon Apr  7 {} 2031 {} {}: {}\n", Clock(l), l.kernel ? "kern.warn" : "daemon.info", Source(l),
             TextOf(l));
     },
     false, true},
    {"journalctl -o short-iso, rsyslog", "",
     [](const Line& l, Out& out) {
       Print(out, "{}.{:06}+00:00 box {}: {}\n", Iso(l), Fraction(l), Source(l), TextOf(l));
     },
     false, true},
    {"rsyslog (RFC 5424)", "",
     [](const Line& l, Out& out) {
       Print(out, "<{}>1 {}.{:06}Z box {} - - - {}\n", l.kernel ? 4 : 30, Iso(l), Fraction(l),
             l.kernel ? "kernel" : "init", TextOf(l));
     },
     false, true},
    {"journalctl -o short-full", "",
     [](const Line& l, Out& out) { Print(out, "Mon 2031-04-07 {} UTC box {}: {}\n", Clock(l), Source(l), TextOf(l)); },
     false, true},
    {"journalctl -o short-monotonic", "",
     [](const Line& l, Out& out) {
       Print(out, "[{:5}.{:06}] box {}: {}\n", Seconds(l), Fraction(l), Source(l), TextOf(l));
     },
     false, true},
    {"journalctl -o short-monotonic", "short-delta",
     [](const Line& l, Out& out) {
       Print(out, "[{:5}.{:06} <    0.000004 >] box {}: {}\n", Seconds(l), Fraction(l), Source(l), TextOf(l));
     },
     false, true},
    {"journalctl -o short-unix", "",
     [](const Line& l, Out& out) {
       Print(out, "{}.{:06} box {}: {}\n", 1933300000 + Seconds(l), Fraction(l), Source(l), TextOf(l));
     },
     false, true},
    {"journalctl -o verbose", "",
     [](const Line& l, Out& out) {
       Print(out,
             "Mon 2031-04-07 {}.{:06} UTC [s=6f;i={:x};b=2a;m={:x};t=5f;x=1]\n    _BOOT_ID=2a4c6e80\n    PRIORITY=4\n"
             "    _TRANSPORT={}\n    MESSAGE={}\n    _HOSTNAME=box\n",
             Clock(l), Fraction(l), l.number, l.micros, l.kernel ? "kernel" : "stdout", TextOf(l));
     },
     false, true},
    {"journalctl -o export", "",
     [](const Line& l, Out& out) {
       Print(out, "__CURSOR=s=6f;i={:x}\n__MONOTONIC_TIMESTAMP={}\nMESSAGE={}\nPRIORITY=4\n_TRANSPORT={}\n\n", l.number,
             l.micros, TextOf(l), l.kernel ? "kernel" : "stdout");
     },
     false, true},
    {"journalctl -o json", "", [](const Line& l, Out& out) { Journal(l, out, Json(TextOf(l))); }, false, true},
    {"journalctl -o json", "messages as bytes", [](const Line& l, Out& out) { Journal(l, out, Bytes(TextOf(l))); },
     false, true},
    {"journalctl -o json-pretty, dmesg --json", "",
     [](const Line& l, Out& out) {
       Print(out,
             "{{\n\t\"__CURSOR\" : \"s=6f;i={:x}\",\n\t\"PRIORITY\" : \"4\",\n\t\"MESSAGE\" : {},\n\t\"_TRANSPORT\" : "
             "\"{}\",\n\t\"_HOSTNAME\" : \"box\"\n}}\n",
             l.number, Json(TextOf(l)), l.kernel ? "kernel" : "stdout");
     },
     false, true},
    {"journalctl -o json-pretty, dmesg --json", "dmesg --json",
     [](const Line& l, Out& out) {
       Print(out, "{}{{\n         \"pri\": {},\n         \"time\": {:6}.{:06},\n         \"msg\": {}\n      }}",
             l.number == 0 ? "" : ",", l.kernel ? 4 : 12, Seconds(l), Fraction(l), Json(TextOf(l)));
     },
     false, true, "{\n   \"dmesg\": [\n      "},
    {"docker json-file", "",
     [](const Line& l, Out& out) {
       Print(out, "{{\"log\":{},\"stream\":\"stdout\",\"time\":\"{}.{:06}789Z\"}}\n",
             Json(std::string(l.raw) + '\n', true), Iso(l), Fraction(l));
     }},
    {"docker json-file", "blanks, and another order",
     [](const Line& l, Out& out) {
       Print(out, "{{\"time\": \"{}.{:06}789Z\", \"stream\": \"stdout\", \"log\": {}}}\n", Iso(l), Fraction(l),
             Json(std::string(l.raw) + '\n'));
     }},
    {"LAVA", "JSON",
     [](const Line& l, Out& out) {
       Print(out, "- {{\"dt\": \"{}.{:06}\", \"lvl\": \"target\", \"msg\": {}}}\n", Iso(l), Fraction(l), Json(l.raw));
     }},
    {"LAVA", "YAML",
     [](const Line& l, Out& out) {
       std::string text;
       for (const char c : l.raw) text += std::string(c == '\'' ? 2 : 1, c);
       Print(out, "- {{dt: '{}.{:06}', lvl: target, msg: '{}'}}\n", Iso(l), Fraction(l), text);
     }},
    {"JSON lines", "",
     [](const Line& l, Out& out) {
       Print(out, "{{\"timestamp\":\"{}Z\",\"level\":\"info\",\"message\":{},\"host\":\"box\"}}\n", Iso(l),
             Json(l.raw));
     }},
    {"conserver", "", [](const Line& l, Out& out) { Print(out, "[Mon Apr  7 {} 2031]{}\n", Clock(l), l.raw); }},
    {"dmesg -T", "",
     [](const Line& l, Out& out) {
       if (l.kernel) Print(out, "[Mon Apr  7 {} 2031] {}\n", Clock(l), l.text);
     },
     false, true},
    {"dmesg -H", "",
     [](const Line& l, Out& out) {
       if (!l.kernel) return;
       if (l.number % 50 == 0) return Print(out, "[Apr 7 {}] {}\n", Clock(l).substr(0, 5), l.text);
       Print(out, "[  +0.{:06}] {}\n", Fraction(l), l.text);
     },
     false, true},
    {"dmesg -H", "dmesg -Hx",
     [](const Line& l, Out& out) {
       Print(out, "{}:warn  : [  +0.{:06}] {}\n", l.kernel ? "kern  " : "user  ", Fraction(l), TextOf(l));
     },
     false, true},
    {"dmesg -d", "",
     [](const Line& l, Out& out) {
       if (l.kernel) Print(out, "[{:5}.{:06} <    0.000004>] {}\n", Seconds(l), Fraction(l), l.text);
     },
     false, true},
    {"dmesg --time-format iso", "",
     [](const Line& l, Out& out) {
       if (l.kernel) Print(out, "{},{:06}+00:00 {}\n", Iso(l), Fraction(l), l.text);
     },
     false, true},
    {"dmesg -x", "",
     [](const Line& l, Out& out) {
       if (l.kernel) Print(out, "kern  :warn  : {}\n", Printed(l));
     },
     true, true},
    {"/dev/kmsg", "",
     [](const Line& l, Out& out) {
       Print(out, "{},{},{},-{};{}\n", l.kernel ? 4 : 12, l.number, l.micros,
             l.caller.empty() ? "" : fmt::format(",caller={}", l.caller), TextOf(l));
       if (l.number % 7 == 0) out += " SUBSYSTEM=pci\n DEVICE=+pci:0000:00:1f.2\n";
     },
     true, true},
    {"/dev/kmsg", "netconsole, with the release",
     [](const Line& l, Out& out) {
       Print(out, "6.12.9-lk,{},{},{},-{};{}\n", l.kernel ? 4 : 12, l.number, l.micros,
             l.caller.empty() ? "" : fmt::format(",caller={}", l.caller), TextOf(l));
     },
     true, true},
    {"/dev/kmsg", "in parts",
     [](const Line& l, Out& out) {
       const size_t half = TextOf(l).size() / 2;
       const std::string caller = l.caller.empty() ? "" : fmt::format(",caller={}", l.caller);
       Print(out, "{0},{1},{2},-{3},ncfrag=0/{4};{5}\n{0},{1},{2},-{3},ncfrag={6}/{4};{7}\n", l.kernel ? 4 : 12,
             l.number, l.micros, caller, TextOf(l).size(), TextOf(l).substr(0, half), std::max<size_t>(half, 1),
             TextOf(l).substr(half));
     },
     true, true},
    {"logcat -b kernel", "",
     [](const Line& l, Out& out) {
       Print(out, "04-07 {}.{:03}  {}  {} W {}\n", Clock(l), Fraction(l) / 1000, l.kernel ? "   0" : " 411",
             l.kernel ? "   0" : " 411", TextOf(l));
     },
     false, true},
    {"Kubernetes", "",
     [](const Line& l, Out& out) { Print(out, "{}.{:06}789Z stdout F {}\n", Iso(l), Fraction(l), l.raw); }},
    {"Kubernetes", "in parts",
     [](const Line& l, Out& out) {
       const size_t half = l.raw.size() / 2;
       Print(out, "{0}.{1:06}789Z stdout P {2}\n{0}.{1:06}790Z stdout F {3}\n", Iso(l), Fraction(l),
             l.raw.substr(0, half), l.raw.substr(half));
     }},
    {"GitLab CI", "", [](const Line& l, Out& out) { Print(out, "{}.{:06}Z 00O {}\n", Iso(l), Fraction(l), l.raw); }},
    {"GitLab CI", "in parts",
     [](const Line& l, Out& out) {
       const size_t half = l.raw.size() / 2;
       Print(out, "{0}.{1:06}Z 00O {2}\n{0}.{1:06}Z 00O+{3}\n", Iso(l), Fraction(l), l.raw.substr(0, half),
             l.raw.substr(half));
     }},
    {"GitHub Actions", "", [](const Line& l, Out& out) { Print(out, "{}.{:06}7Z {}\n", Iso(l), Fraction(l), l.raw); },
     true, false, "\xef\xbb\xbf"},
    {"GitHub Actions", "gh run view --log",
     [](const Line& l, Out& out) {
       Print(out, "boot test\tRun in QEMU\t{}.{:06}7Z {}\n", Iso(l), Fraction(l), l.raw);
     }},
    {"docker compose", "", [](const Line& l, Out& out) { Print(out, "guest-1  | {}\n", l.raw); }},
    {"timestamps", "ISO",
     [](const Line& l, Out& out) { Print(out, "{}.{:03}Z {}\n", Iso(l), Fraction(l) / 1000, l.raw); }},
    {"timestamps", "brackets", [](const Line& l, Out& out) { Print(out, "[2031-04-07 {}] {}\n", Clock(l), l.raw); }},
    {"timestamps", "clock", [](const Line& l, Out& out) { Print(out, "[{}] {}\n", Clock(l), l.raw); }},
    {"timestamps", "ts", [](const Line& l, Out& out) { Print(out, "Apr 07 {} {}\n", Clock(l), l.raw); }},
    {"timestamps", "Unix time",
     [](const Line& l, Out& out) { Print(out, "{}.{:06} {}\n", 1933300000 + Seconds(l), Fraction(l), l.raw); }},
    {"timestamps", "slashes", [](const Line& l, Out& out) { Print(out, "2031/04/07 {} {}\n", Clock(l), l.raw); }},
    {"last_kmsg", "",
     [](const Line& l, Out& out) {
       if (!l.kernel) return Print(out, "{}\n", l.raw);
       Print(out, "{:5}.{:06}:   <4> (04-07 {}.{:06}123) {}\n", Seconds(l), Fraction(l), Clock(l), Fraction(l), l.text);
     },
     false, true},
    {"wall", "",
     [](const Line& l, Out& out) {
       if (l.kernel) Print(out, "\nMessage from syslogd@box at Apr  7 {} ...\n kernel:{}\n", Clock(l), l.text);
     },
     false, true},
    {"console", "CRLF", [](const Line& l, Out& out) { Print(out, "{}\r\n", l.raw); }},
    {"console", "colours",
     [](const Line& l, Out& out) {
       Print(out, "\x1b[0m\x1b[32m{}\x1b[0;1m{}\x1b[0m\n", l.raw.substr(0, 16),
             l.raw.substr(std::min<size_t>(16, l.raw.size())));
     }},
    {"console", "web page", [](const Line& l, Out& out) { Print(out, "{}\n", Html(l.raw)); }},
    {"console", "web page with tags",
     [](const Line& l, Out& out) {
       const size_t half = l.raw.size() / 2;
       Print(out, "<span class=\"t\">{}</span><B>{}</B><br/>\n", Html(l.raw.substr(0, half)), Html(l.raw.substr(half)));
     },
     true, false, "<!DOCTYPE html>\n<html><body>\n"},
    {"console", "web page with blanks that do not break",
     [](const Line& l, Out& out) { Print(out, "{}<br>\n", Html(l.raw, "&nbsp;")); }},
    {"console", "mail as it is transferred",
     [](const Line& l, Out& out) {
       std::string text;
       for (const char c : l.raw) text += c == '=' ? "=3D" : std::string(1, c);
       constexpr size_t kWidth = 75;
       while (text.size() > kWidth) {
         // An encoded byte is not cut.
         size_t size = kWidth;
         while (text[size - 1] == '=' || text[size - 2] == '=') --size;
         Print(out, "{}=\n", text.substr(0, size));
         text.erase(0, size);
       }
       Print(out, "{}\n", text);
     },
     true, false, "Content-Transfer-Encoding: quoted-printable\n\n"},
    {"console", "code block", [](const Line& l, Out& out) { Print(out, "    {}\n", l.raw); }},
    {"console", "quoted six times", [](const Line& l, Out& out) { Print(out, ">>>>> > {}\n", l.raw); }},
    {"console", "quoted with a name", [](const Line& l, Out& out) { Print(out, "Jo> {}\n", l.raw); }},
    {"console", "lkctl detect --show", [](const Line& l, Out& out) { Print(out, "  | {}\n", l.raw); }},
    {"console", "quoted and wrapped", [](const Line& l, Out& out) { Wrap(Printed(l), "> ", 76, out); }, true, true},
};

}  // namespace

std::span<const Carrier> Carriers() {
  return kCarriers;
}

std::vector<CarriedLine> Split(std::string_view log) {
  std::vector<CarriedLine> lines;
  bool marked = false;
  while (!log.empty()) {
    std::string_view raw = log.substr(0, log.find('\n'));
    log.remove_prefix(std::min(log.size(), raw.size() + 1));
    while (raw.ends_with('\r')) raw.remove_suffix(1);
    const KernelLine kernel = ParseKernelLine(raw);
    marked = marked || kernel.marked;
    const int64_t last = lines.empty() ? 0 : lines.back().micros;
    lines.push_back({.number = lines.size(),
                     .micros = kernel.micros < 0 ? last : kernel.micros,
                     .raw = raw,
                     .text = kernel.text,
                     .caller = kernel.caller,
                     .kernel = kernel.marked,
                     .timed = kernel.timed});
  }
  if (!marked) {
    for (CarriedLine& line : lines) line.kernel = true;
  }
  return lines;
}

std::string Carry(const Carrier& carrier, std::span<const CarriedLine> lines) {
  std::string out(carrier.head);
  for (const CarriedLine& line : lines) carrier.carry(line, out);
  return out;
}

}  // namespace lk::detect
