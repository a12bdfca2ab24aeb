// SPDX-License-Identifier: Apache-2.0
#include "server/detect/container.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "server/detect/cursor.h"
#include "server/detect/kernel_line.h"
#include "server/detect/line_assembler.h"

namespace lk::detect {
namespace {

// A line that is being unwrapped.
struct Attempt {
  Unwrapped& out;
  std::string& decoded;  // buffer for text that has to be decoded
  bool present;          // this row is the present container; ambiguous lines are then accepted
};

bool TakeDigits(Cursor& c, size_t from, size_t to) {
  const size_t digits = c.TakeDigits().size();
  return digits >= from && digits <= to;
}

// One of the words of three letters that `list` consists of.
bool TakeOf(Cursor& c, std::string_view list) {
  if (c.rest().size() < 3) return false;
  const size_t at = list.find(c.rest().substr(0, 3));
  return at != std::string_view::npos && at % 3 == 0 && c.Skip(c.rest().substr(0, 3));
}
bool TakeMonth(Cursor& c) {
  return TakeOf(c, "JanFebMarAprMayJunJulAugSepOctNovDec");
}
bool TakeDay(Cursor& c) {
  return TakeOf(c, "SunMonTueWedThuFriSat");
}

// "12:34:56", "12:34:56.789012"
bool TakeClock(Cursor& c) {
  if (!TakeDigits(c, 2, 2) || !c.Skip(':') || !TakeDigits(c, 2, 2) || !c.Skip(':') || !TakeDigits(c, 2, 2))
    return false;
  return (!c.Skip('.') && !c.Skip(',')) || TakeDigits(c, 1, 9);
}

// "2024-01-02", "2024/01/02"
bool TakeDate(Cursor& c) {
  if (!TakeDigits(c, 4, 4)) return false;
  const char separator = c.peek();
  return (separator == '-' || separator == '/') && c.Skip(separator) && TakeDigits(c, 2, 2) && c.Skip(separator) &&
         TakeDigits(c, 2, 2);
}

// "2024-01-02T03:04:05.678901+00:00", "2024-01-02 03:04:05"
bool TakeIsoTime(Cursor& c) {
  if (!Cursor::IsDigit(c.peek()) || !TakeDate(c) || (!c.Skip('T') && !c.Skip(' ')) || !TakeClock(c)) return false;
  if (c.Skip('Z')) return true;
  if (c.Skip('+') || c.Skip('-')) return TakeDigits(c, 2, 4) && (!c.Skip(':') || TakeDigits(c, 2, 2));
  return true;
}

// "12345.678901"; returns -1 if there is none.
int64_t TakeMicros(Cursor& c) {
  int64_t seconds = 0;
  int64_t micros = 0;
  c.SkipBlanks();
  const std::string_view whole = c.rest();
  if (!TakeDigits(c, 1, 10)) return -1;
  Cursor(whole).Take(seconds);
  if (!c.Skip('.')) return -1;
  const std::string_view fraction = c.rest();
  if (!TakeDigits(c, 6, 6)) return -1;
  Cursor(fraction).Take(micros);
  return seconds * 1000000 + micros;
}

// Whether the text begins as the kernel's lines do on a console: "[    1.234567]", "<6>", "** 34 printk messages".
bool LooksPrinted(Cursor c) {
  if (c.Skip("** ")) return !c.TakeDigits().empty() && c.Skip(" printk messages");
  if (c.Skip('<')) return TakeDigits(c, 1, 3) && c.Skip('>');
  return c.Skip('[') && TakeMicros(c) >= 0 && c.Skip(']');
}

// "host kernel: ", "host kernel[0]: ", "host systemd[1]: ", "host kern.warn kernel: ": the program that logged a line.
// Some omit the host.
bool TakeSource(Cursor& at, const Attempt& a) {
  const auto word = [](char x) { return x > ' ' && x < '\x7f' && x != ':' && x != '['; };
  Cursor c = at;
  std::string_view source;
  int words = 0;
  do {
    source = c.TakeWhile(word);
    ++words;
  } while (words < 3 && !source.empty() && c.Skip(' '));
  if (source.empty()) return false;
  const bool pid = c.Skip('[');
  if (pid && (c.TakeDigits().empty() || !c.Skip(']'))) return false;
  if (!c.Skip(':')) return false;
  const bool kernel = source == "kernel" || source == "kern";
  // Without a process, only the kernel's own name says who printed it, since "divide error: 0000" looks alike.
  if (!kernel && (words < 2 || (!pid && !a.present))) return false;
  a.out.kernel = kernel;
  a.out.program = !kernel;
  c.Skip(' ');
  at = c;
  return true;
}

// "Jan  2 03:04:05 host kernel: text", also with a year, or with the priority in front, as on the wire
bool TakeSyslog(Cursor& c, const Attempt& a) {
  if (c.Skip('<') && (!TakeDigits(c, 1, 3) || !c.Skip('>'))) return false;
  Cursor day = c;
  if (TakeDay(day) && day.Skip(' ')) c = day;  // OpenWrt's logread
  if (!TakeMonth(c) || !c.Skip(' ')) return false;
  c.SkipBlanks();
  if (!TakeDigits(c, 1, 2) || !c.Skip(' ')) return false;
  if (Cursor year = c; TakeDigits(year, 4, 4) && year.Skip(' ')) c = year;
  if (!TakeClock(c) || !c.Skip(' ')) return false;
  if (Cursor year = c; TakeDigits(year, 4, 4) && year.Skip(' ')) c = year;
  return TakeSource(c, a);
}

// "2024-01-02T03:04:05+00:00 host kernel: text"
bool TakeIsoSyslog(Cursor& c, const Attempt& a) {
  return TakeIsoTime(c) && c.Skip(' ') && TakeSource(c, a);
}

// RFC 5424: "<6>1 2024-01-02T03:04:05.678Z host kernel - - - text"
bool TakeSyslogProtocol(Cursor& c, const Attempt& a) {
  if (!c.Skip('<') || !TakeDigits(c, 1, 3) || !c.Skip(">1 ") || !TakeIsoTime(c) || !c.Skip(' ')) return false;
  std::string_view field;
  if (!c.TakeUntil(" ", field) || !c.TakeUntil(" ", field)) return false;
  a.out.kernel = field == "kernel";
  a.out.program = !a.out.kernel;
  if (!c.TakeUntil(" ", field) || !c.TakeUntil(" ", field)) return false;
  if (c.Skip('[')) {
    if (!c.TakeUntil("]", field)) return false;
  } else if (!c.Skip('-')) {
    return false;
  }
  c.Skip(' ');
  c.Skip("\xef\xbb\xbf");
  return true;
}

// journalctl -o short-full: "Tue 2024-01-02 03:04:05 UTC host kernel: text"
bool TakeJournalFull(Cursor& c, const Attempt& a) {
  if (!TakeDay(c) || !c.Skip(' ') || !TakeDate(c) || !c.Skip(' ') || !TakeClock(c) || !c.Skip(' ')) return false;
  const std::string_view zone = c.TakeWhile([](char x) { return x > ' '; });
  return !zone.empty() && c.Skip(' ') && TakeSource(c, a);
}

// journalctl -o short-monotonic: "[12345.678901] host kernel: text"; -o short-delta: "[    1.234567 <    0.000123 >]
// host kernel: text"
bool TakeJournalMonotonic(Cursor& c, const Attempt& a) {
  if (!c.Skip('[') || (a.out.micros = TakeMicros(c)) < 0) return false;
  if (Cursor delta = c; delta.Skip(" <")) {
    if (TakeMicros(delta) >= 0) delta.Skip(' ');
    delta.SkipBlanks();
    if (!delta.Skip('>')) return false;
    c = delta;
  }
  return c.Skip("] ") && TakeSource(c, a);
}

// journalctl -o short-unix: "1704164645.678901 host kernel: text"
bool TakeJournalUnix(Cursor& c, const Attempt& a) {
  return Cursor::IsDigit(c.peek()) && TakeMicros(c) >= 0 && c.Skip(' ') && TakeSource(c, a);
}

// "[Tue Jan  2 03:04:05 2024] ", of dmesg -T and of console servers. dmesg -d adds "<    0.000123>".
bool TakeBracketedDate(Cursor& c) {
  if (!c.Skip('[') || !TakeDay(c) || !c.Skip(' ') || !TakeMonth(c) || !c.Skip(' ')) return false;
  c.SkipBlanks();
  if (!TakeDigits(c, 1, 2) || !c.Skip(' ') || !TakeClock(c)) return false;
  if (Cursor year = c; year.Skip(' ') && TakeDigits(year, 4, 4)) c = year;
  if (Cursor delta = c; delta.Skip(" <") && TakeMicros(delta) >= 0 && delta.Skip('>')) c = delta;
  if (!c.Skip(']')) return false;
  c.Skip(' ');
  return true;
}

// The console server's time stamp, before whatever the console printed.
bool TakeConserver(Cursor& c, const Attempt& a) {
  return TakeBracketedDate(c) && (a.present || HasTimeStamp(c.rest()));
}

bool TakeDmesgDate(Cursor& c, const Attempt& a) {
  // The text of dmesg has no time stamp.
  return a.out.kernel = TakeBracketedDate(c) && !HasTimeStamp(c.rest());
}

// dmesg -H: "[Jan 2 03:04] text", "[  +0.000012] text"
bool TakeDmesgHuman(Cursor& c, const Attempt& a) {
  if (!c.Skip('[')) return false;
  if (TakeMonth(c)) {
    c.SkipBlanks();
    if (!TakeDigits(c, 1, 2) || !c.Skip(' ') || !TakeDigits(c, 2, 2) || !c.Skip(':') || !TakeDigits(c, 2, 2)) {
      return false;
    }
  } else {
    c.SkipBlanks();
    if (!c.Skip('+') || TakeMicros(c) < 0) return false;
  }
  if (!c.Skip(']')) return false;
  c.Skip(' ');
  return a.out.kernel = true;
}

// dmesg -d: "[   12.345678 <    0.000123>] text", "[<    0.000123>] text"
bool TakeDmesgDelta(Cursor& c, const Attempt& a) {
  if (!c.Skip('[')) return false;
  if (!c.Skip('<')) {
    if ((a.out.micros = TakeMicros(c)) < 0 || !c.Skip(" <")) return false;
  }
  if (TakeMicros(c) < 0 || !c.Skip(">]")) return false;
  c.Skip(' ');
  return a.out.kernel = true;
}

// dmesg --time-format iso: "2024-01-02T03:04:05,678901+00:00 text"
bool TakeDmesgIso(Cursor& c, const Attempt& a) {
  constexpr size_t kComma = std::string_view("2024-01-02T03:04:05").size();
  if (c.rest().size() <= kComma || c.rest()[kComma] != ',' || !TakeIsoTime(c) || !c.Skip(' ')) return false;
  return a.out.kernel = true;
}

// /dev/kmsg and the extended netconsole: "4,1234,5678901,-,caller=T1;text", before it the release on some. Lines of
// key=value follow each record, indented.
bool TakeKmsg(Cursor& c, const Attempt& a) {
  uint32_t priority = 0;
  if (c.peek() >= 'A' && c.peek() <= 'Z') {
    // " SUBSYSTEM=pci"; the kernel escapes a newline in the text.
    c.TakeWhile([](char x) { return Cursor::IsWord(x) && !(x >= 'a' && x <= 'z'); });
    a.out.part = Unwrapped::Part::kOther;
    return a.present && c.Skip('=');
  }
  if (!Cursor::IsDigit(c.peek()) || !c.Take(priority) || priority > 1023) return false;
  if (c.Skip('.')) {  // "6.4.0,"
    if (!TakeDigits(c, 1, 3)) return false;
    c.TakeWhile([](char x) { return x != ',' && x != ';'; });
    if (!c.Skip(',') || !c.Take(priority)) return false;
  }
  if (!c.Skip(',') || !TakeDigits(c, 1, 20) || !c.Skip(',')) return false;
  if (!c.Take(a.out.micros) || !c.Skip(',')) return false;
  std::string_view fields;
  if (!c.TakeUntil(";", fields) || fields.empty() || fields.size() > 120) return false;
  // A part of a line, or of a record that was too long for a packet.
  a.out.continues = fields.front() == 'c' || fields.front() == '+';
  for (std::string_view rest = fields; !rest.empty();) {
    const std::string_view field = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), field.size() + 1));
    constexpr std::string_view kCaller = "caller=";
    constexpr std::string_view kFragment = "ncfrag=";
    if (field.starts_with(kCaller)) a.out.caller = field.substr(kCaller.size());
    if (field.starts_with(kFragment)) a.out.continues = !field.substr(kFragment.size()).starts_with("0/");
  }
  // The priority has the facility, which is not the kernel's if a program wrote the record.
  a.out.kernel = priority < 8;
  a.out.program = !a.out.kernel;
  return true;
}

// Xen's own messages on its console: "(XEN) [2024-01-02 03:04:05] text"
bool TakeXen(Cursor& c, const Attempt& a) {
  if (!c.Skip("(XEN) ")) return false;
  Cursor time = c;
  if (time.Skip('[') && TakeIsoTime(time) && time.Skip("] ")) c = time;
  return a.out.kernel = true;
}

// logcat -b kernel: "01-02 03:04:05.678     0     0 W text", "01-02 03:04:05.678  root     0     0 W rcu     : text"
bool TakeLogcat(Cursor& c, const Attempt& a) {
  if (!TakeDigits(c, 2, 2) || !c.Skip('-') || !TakeDigits(c, 2, 2) || !c.Skip(' ') || !TakeClock(c)) return false;
  std::string_view pid;
  for (int numbers = 0; numbers < 2;) {
    if (!c.Skip(' ')) return false;
    c.SkipBlanks();
    const std::string_view word = c.TakeWhile([](char x) { return x > ' '; });
    if (word.empty()) return false;
    if (Cursor::IsDigit(word.front())) {
      if (++numbers == 1) pid = word;
    } else if (numbers > 0 || !pid.empty()) {
      return false;
    }
  }
  constexpr std::string_view kLevels = "VDIWEF";
  if (!c.Skip(' ') || kLevels.find(c.peek()) == std::string_view::npos || !c.Skip(c.peek()) || !c.Skip(' '))
    return false;
  a.out.kernel = pid == "0";
  a.out.program = !a.out.kernel;
  // logd takes what precedes a colon for the tag, and pads it.
  constexpr size_t kTag = 8;
  Cursor tag = c;
  const std::string_view name = tag.TakeWhile([](char x) { return x > ' ' && x != ':'; });
  const size_t blanks = tag.TakeWhile([](char x) { return x == ' '; }).size();
  if (blanks > 0 && name.size() + blanks == kTag && tag.Skip(": ")) {
    if (name.empty()) {
      c = tag;
    } else {
      a.decoded.assign(name).append(": ").append(tag.rest());
      c = Cursor(a.decoded);
    }
  }
  return true;
}

// The value of a key in a JSON object on one line that is flat, so that "key": occurs nowhere else.
bool FindKey(std::string_view line, std::string_view quoted_key, Cursor& value) {
  for (size_t at = 0; (at = line.find(quoted_key, at)) != std::string_view::npos; at += quoted_key.size()) {
    Cursor c(line.substr(at + quoted_key.size()));
    c.SkipBlanks();
    if (!c.Skip(':')) continue;
    c.SkipBlanks();
    value = c;
    return true;
  }
  return false;
}

// Decodes what encoders escape: control characters, and signs that have a meaning in HTML. Leaves other escapes of
// printable characters as they are: nobody writes them, and a literal could not be found in them (hints.cc).
void UnescapeJson(std::string_view text, std::string& out) {
  out.clear();
  bool escapes = false;
  for (size_t at = 0; at < text.size();) {
    const size_t next = std::min(text.find('\\', at), text.size());
    out.append(text, at, next - at);
    at = next + 2;
    if (next + 1 >= text.size()) break;
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char letter = text[next + 1];
    if (const size_t known = kLetters.find(letter); known != std::string_view::npos) {
      out += kMeanings[known];
      continue;
    }
    uint32_t code = 0;
    if (Cursor number(text.substr(at, 4));
        letter == 'u' && number.Take(code, 16) && number.empty() && text.size() - at >= 4 && code < 0x80) {
      if (code < 0x20 || code == '<' || code == '>' || code == '&' || code == '\'') {
        escapes = escapes || code == '\x1b';
        out += static_cast<char>(code);
        at += 4;
        continue;
      }
    }
    out += '\\';
    out += letter;
  }
  // A program colours what it prints; the sequence begins with an escaped character.
  for (size_t at = 0; escapes && (at = out.find('\x1b', at)) != std::string::npos;) {
    out.erase(at, Unwrapper::EscapeSize(std::string_view(out).substr(at)));
  }
}

// A JSON string, or an array of byte numbers, which is how journalctl writes what is not UTF-8.
bool TakeJsonText(Cursor& c, const Attempt& a) {
  if (c.Skip('[')) {
    a.decoded.clear();
    // As encoders write it, so that literals can be found in it (hints.cc).
    const std::string_view list = c.rest().substr(0, c.rest().find(']'));
    const std::string_view separator = list.find(", ") == std::string_view::npos ? "," : ", ";
    for (bool first = true; !c.Skip(']'); first = false) {
      uint8_t byte = 0;
      if ((!first && !c.Skip(separator)) || !c.Take(byte)) return false;
      a.decoded += static_cast<char>(byte);
    }
    c = Cursor(a.decoded);
    return true;
  }
  if (!c.Skip('"')) return false;
  std::string_view text = c.rest();
  size_t at = text.find('"');
  const size_t end = text.substr(0, at).find('\\');
  if (end != std::string_view::npos) {
    for (at = end; at < text.size() && text[at] != '"';) at += text[at] == '\\' ? 2 : 1;
  }
  if (at >= text.size()) return false;
  text = text.substr(0, at);
  // A newline ends each text in Docker's files.
  if (text.ends_with("\\n")) text.remove_suffix(2);
  if (text.ends_with("\\r")) text.remove_suffix(2);
  if (end != std::string_view::npos && text.size() > end) {
    UnescapeJson(text, a.decoded);
    c = Cursor(a.decoded);
  } else {
    c = Cursor(text);
  }
  return true;
}

// Sets the source of an entry of the journal, from its fields.
void SetJournalSource(std::string_view transport, std::string_view identifier, Unwrapped& out) {
  // A program that writes to /dev/kmsg has an identifier.
  out.kernel = transport.empty() ? identifier == "kernel"
                                 : transport == "kernel" && (identifier.empty() || identifier == "kernel");
  out.program = !out.kernel && !(transport.empty() && identifier.empty());
}

// journalctl -o json
bool TakeJournalJson(Cursor& c, const Attempt& a) {
  c.Skip("data: ");  // -o json-sse
  c.Skip('\x1e');    // -o json-seq
  if (c.peek() != '{') return false;
  const std::string_view line = c.rest();
  const auto word = [&](std::string_view key) {
    Cursor value(line);
    if (!FindKey(line, key, value) || !value.Skip('"')) return std::string_view();
    return value.TakeWhile([](char x) { return x != '"' && x != '\\'; });
  };
  Cursor message(line);
  if (!FindKey(line, "\"MESSAGE\"", message)) {
    // Entries without a text, or with one that is too long for journalctl.
    a.out.part = Unwrapped::Part::kOther;
    return a.present || line.find("\"__REALTIME_TIMESTAMP\"") != std::string_view::npos;
  }
  SetJournalSource(word("\"_TRANSPORT\""), word("\"SYSLOG_IDENTIFIER\""), a.out);
  if (a.out.program) return true;
  if (!TakeJsonText(message, a)) {
    a.out.part = Unwrapped::Part::kOther;
    return true;
  }
  c = message;
  return true;
}

// Docker's json-file: {"log":"text\n","stream":"stdout","time":"2024-01-02T03:04:05.678901234Z"}. Collectors of logs
// add blanks and keys, and change the order.
bool TakeDockerJson(Cursor& c, const Attempt& a) {
  if (c.Skip("{\"log\":")) {
    c.SkipBlanks();
    return TakeJsonText(c, a);
  }
  if (c.peek() != '{') return false;
  const std::string_view line = c.rest();
  Cursor stream(line);
  return FindKey(line, "\"log\"", c) && FindKey(line, "\"stream\"", stream) && TakeJsonText(c, a);
}

// Other logs of one JSON object a line, which have the text in "message" or "msg".
bool TakeJsonLines(Cursor& c, const Attempt& a) {
  if (c.peek() != '{' || !c.rest().ends_with('}')) return false;
  Cursor value = c;
  if (!FindKey(c.rest(), "\"message\"", value) && !FindKey(c.rest(), "\"msg\"", value)) return false;
  if (!TakeJsonText(value, a)) return false;
  c = value;
  return true;
}

// LAVA: - {"dt": "2024-01-02T03:04:05.678901", "lvl": "target", "msg": "text"}, in any of YAML's ways to quote
bool TakeLava(Cursor& c, const Attempt& a) {
  if (!c.Skip("- {")) return false;
  const std::string_view line = c.rest();
  const auto find = [&](std::string_view key, Cursor& value) {
    if (FindKey(line, fmt::format("\"{}\"", key), value)) return true;
    const std::string plain = fmt::format("{}: ", key);
    const size_t at = line.find(plain);
    if (at == std::string_view::npos) return false;
    value = Cursor(line.substr(at + plain.size()));
    return true;
  };
  Cursor level(line);
  Cursor text(line);
  if (!find("lvl", level) || !find("msg", text)) return false;
  level.TakeWhile([](char x) { return x == '"' || x == '\''; });
  a.out.program = !level.Skip("target");
  if (a.out.program) return true;
  c = text;
  if (c.peek() == '"') return TakeJsonText(c, a);
  std::string_view plain = c.rest();
  if (!plain.ends_with('}')) return false;
  plain.remove_suffix(1);
  if (!plain.starts_with('\'')) {
    c = Cursor(plain);
    return true;
  }
  plain.remove_prefix(1);
  if (plain.ends_with('\'')) plain.remove_suffix(1);
  c = Cursor(plain);
  if (plain.find('\'') == std::string_view::npos) return true;
  a.decoded.clear();
  for (size_t i = 0; i < plain.size(); ++i) {
    a.decoded += plain[i];
    if (plain[i] == '\'' && i + 1 < plain.size() && plain[i + 1] == '\'') ++i;
  }
  c = Cursor(a.decoded);
  return true;
}

// The fields of a record that takes several lines.
bool TakeJournalField(Cursor& c, const Attempt& a) {
  Cursor field = c;
  if (field.Skip("MESSAGE=")) {
    a.out.part = Unwrapped::Part::kText;
    c = field;
    return true;
  }
  const bool transport = field.Skip("_TRANSPORT=");
  const bool identifier = !transport && field.Skip("SYSLOG_IDENTIFIER=");
  a.out.part = transport || identifier ? Unwrapped::Part::kSource : Unwrapped::Part::kOther;
  if (transport) SetJournalSource(field.rest(), "", a.out);
  if (identifier) SetJournalSource("", field.rest(), a.out);
  return true;
}

// journalctl -o verbose: "Tue 2024-01-02 03:04:05.678901 UTC [s=...;i=...]", then "    KEY=value" for each field
bool TakeJournalVerbose(Cursor& c, const Attempt& a) {
  if (c.peek() == ' ') {
    if (!a.present || !c.Skip("    ") || c.peek() == ' ') return false;
    return TakeJournalField(c, a);
  }
  a.out.part = Unwrapped::Part::kEnd;
  return TakeDay(c) && c.Skip(' ') && TakeDate(c) && c.Skip(' ') && TakeClock(c) &&
         c.rest().find(" [s=") != std::string_view::npos && c.rest().ends_with(']');
}

// journalctl -o export: "KEY=value" for each field, then an empty line
bool TakeJournalExport(Cursor& c, const Attempt& a) {
  if (c.empty()) {
    a.out.part = Unwrapped::Part::kEnd;
    return a.present;
  }
  if (!a.present && !c.rest().starts_with("__CURSOR=")) return false;
  Cursor key = c;
  if (key.TakeWhile([](char x) { return Cursor::IsWord(x) && !(x >= 'a' && x <= 'z'); }).empty()) return false;
  if (!key.empty() && !key.Skip('=')) return false;
  return TakeJournalField(c, a);
}

// journalctl -o json-pretty, dmesg --json: a JSON object with a line for each field
bool TakePretty(Cursor& c, const Attempt& a) {
  c.SkipBlanks();
  const char first = c.peek();
  if (first == '{' || first == '}' || first == ']') {
    a.out.part = Unwrapped::Part::kEnd;
    return a.present;
  }
  const std::string_view line = c.rest();
  const auto find = [&](std::string_view key) { return line.starts_with(key) && FindKey(line, key, c); };
  if (find("\"MESSAGE\"") || find("\"msg\"")) {
    a.out.part = Unwrapped::Part::kText;
    if (TakeJsonText(c, a)) return true;
    a.out.part = Unwrapped::Part::kOther;
    return a.present;
  }
  a.out.part = Unwrapped::Part::kSource;
  const bool transport = find("\"_TRANSPORT\"");
  if (transport || find("\"SYSLOG_IDENTIFIER\"")) {
    c.Skip('"');
    const std::string_view value = c.TakeWhile([](char x) { return x != '"'; });
    SetJournalSource(transport ? value : "", transport ? "" : value, a.out);
    return true;
  }
  if (uint32_t priority = 0; find("\"pri\"") && c.Take(priority)) {
    a.out.kernel = priority < 8;
    a.out.program = !a.out.kernel;
    return true;
  }
  a.out.part = Unwrapped::Part::kOther;
  return first == '"' && (a.present || line.starts_with("\"__CURSOR\""));
}

// Kubernetes: "2024-01-02T03:04:05.678901234Z stdout F text"; P instead of F if the next line continues the text
bool TakeKubernetes(Cursor& c, const Attempt& a) {
  if (!TakeIsoTime(c) || (!c.Skip(" stdout ") && !c.Skip(" stderr "))) return false;
  a.out.more = c.Skip("P ");
  return a.out.more || c.Skip("F ");
}

// GitLab: "2024-01-02T03:04:05.678901Z 00O text", with the number of the stream; with + if it continues the last line
bool TakeGitlab(Cursor& c, const Attempt& a) {
  if (!TakeIsoTime(c) || !c.Skip(' ')) return false;
  if (!c.Skip('0') || (!c.Skip('0') && !c.Skip('1')) || (!c.Skip('O') && !c.Skip('E'))) return false;
  a.out.continues = c.Skip('+');
  return a.out.continues || c.Skip(' ');
}

// GitHub: "2024-01-02T03:04:05.6789012Z text"; gh run view --log has the job and the step in front, with tabs.
bool TakeGithub(Cursor& c, const Attempt&) {
  if (!Cursor::IsDigit(c.peek())) {
    std::string_view name;
    if (c.rest().size() > 3 && c.rest().substr(0, 200).find("\t2") == std::string_view::npos) return false;
    if (!c.TakeUntil("\t", name) || !c.TakeUntil("\t", name)) return false;
  }
  c.Skip("\xef\xbb\xbf");
  const std::string_view time = c.rest();
  constexpr size_t kSize = std::string_view("2024-01-02T03:04:05.6789012Z").size();
  return TakeIsoTime(c) && time.size() - c.rest().size() == kSize && c.Skip(' ');
}

// docker compose logs: "service-1  | text"; kubectl logs --prefix: "[pod/name/container] text"
bool TakeService(Cursor& c, const Attempt& a) {
  if (c.Skip("[pod/")) {
    std::string_view name;
    return c.TakeUntil("] ", name) && name.find(' ') == std::string_view::npos;
  }
  if (c.TakeWhile([](char x) { return Cursor::IsSymbol(x) || x == '-'; }).empty()) return false;
  c.SkipBlanks();
  return c.Skip("| ") && (a.present || LooksPrinted(c));
}

// Time stamps of CI systems, console servers, ts, terminal programs and so on, before whatever the console printed:
// "2024-01-02T03:04:05.678Z text", "[03:04:05] text", "Jan 02 03:04:05 text", "1704164645.678 text".
bool TakeStamp(Cursor& c, const Attempt& a) {
  const bool bracket = c.Skip('[');
  Cursor time = c;
  bool certain = TakeIsoTime(time);
  if (!certain) {
    time = c;
    if (!TakeClock(time)) {
      time = c;
      if (TakeMonth(time) && time.Skip(' ')) {
        time.SkipBlanks();
        if (!TakeDigits(time, 1, 2) || !time.Skip(' ') || !TakeClock(time)) return false;
      } else {
        time = c;
        if (bracket || !TakeDigits(time, 10, 10) || !time.Skip('.') || !TakeDigits(time, 1, 9)) return false;
      }
    }
  }
  if (bracket && !time.Skip(']')) return false;
  if (!time.Skip(' ') && !(bracket && LooksPrinted(time))) return false;
  certain = certain || a.present;
  if (!certain) {
    // LAVA's plain text has two blanks.
    Cursor text = time;
    text.Skip(' ');
    if (!LooksPrinted(text)) return false;
  }
  c = time;
  return true;
}

// Phones: "1276.705430:   <6> (01-28 07:22:33.304698634) text"
bool TakePhone(Cursor& c, const Attempt& a) {
  std::string_view date;
  if (!TakeDigits(c, 1, 10) || !c.Skip('.') || !TakeDigits(c, 6, 6) || !c.Skip(':')) return false;
  c.SkipBlanks();
  if (!c.Skip('<') || !TakeDigits(c, 1, 3) || !c.Skip("> (") || !c.TakeUntil(") ", date)) return false;
  return a.out.kernel = true;
}

// What syslogd writes to all terminals, and journals without their beginnings: "kernel:text"
bool TakeWall(Cursor& c, const Attempt& a) {
  if (!c.Skip("kernel:")) return false;
  c.Skip(' ');
  return a.out.kernel = true;
}

// Where a record of several lines begins.
using Begins = bool (*)(std::string_view line);

struct ContainerFormat {
  std::string_view name = {};
  bool (*take)(Cursor& line, const Attempt& attempt) = nullptr;
  // Each line names its source, so a line without the container's prefix is not the kernel's.
  bool sourced = false;
  bool wraps = true;    // lines may have been wrapped by a mailer
  bool quoted = true;   // may be quoted in mail, so that marks and blanks in front do not count
  bool parts = false;   // a line may say that it continues the previous one
  bool levels = false;  // dmesg -x adds facility and level
  // The result depends neither on the values of the digits in the prefix nor on the text.
  bool uniform = false;
  Begins begins = nullptr;  // records take several lines
};
// In this order, so that the more specific one comes first.
constexpr ContainerFormat kContainers[] = {
    {},
    {.name = "journalctl, rsyslog", .take = TakeSyslog, .sourced = true, .uniform = true},
    {.name = "journalctl -o short-iso, rsyslog", .take = TakeIsoSyslog, .sourced = true, .uniform = true},
    {.name = "rsyslog (RFC 5424)", .take = TakeSyslogProtocol, .sourced = true, .uniform = true},
    {.name = "journalctl -o short-full", .take = TakeJournalFull, .sourced = true, .uniform = true},
    {.name = "journalctl -o short-monotonic", .take = TakeJournalMonotonic, .sourced = true},
    {.name = "journalctl -o short-unix", .take = TakeJournalUnix, .sourced = true, .uniform = true},
    {.name = "journalctl -o verbose",
     .take = TakeJournalVerbose,
     .sourced = true,
     .wraps = false,
     .quoted = false,
     .begins = [](std::string_view line) { return !line.starts_with(' '); }},
    {.name = "journalctl -o export",
     .take = TakeJournalExport,
     .sourced = true,
     .wraps = false,
     .quoted = false,
     .begins = [](std::string_view line) { return line.empty(); }},
    {.name = "docker json-file", .take = TakeDockerJson, .wraps = false, .quoted = false},
    {.name = "journalctl -o json", .take = TakeJournalJson, .sourced = true, .wraps = false, .quoted = false},
    {.name = "LAVA", .take = TakeLava, .sourced = true, .wraps = false, .quoted = false},
    {.name = "JSON lines", .take = TakeJsonLines, .wraps = false, .quoted = false},
    {.name = "journalctl -o json-pretty, dmesg --json",
     .take = TakePretty,
     .sourced = true,
     .wraps = false,
     .quoted = false,
     .begins =
         [](std::string_view line) {
           const size_t first = line.find_first_not_of(" \t");
           return first != std::string_view::npos && (line[first] == '{' || line[first] == '}');
         }},
    {.name = "conserver", .take = TakeConserver, .uniform = true},
    {.name = "dmesg -T", .take = TakeDmesgDate, .sourced = true, .levels = true},
    {.name = "dmesg -H", .take = TakeDmesgHuman, .sourced = true, .levels = true, .uniform = true},
    {.name = "dmesg -d", .take = TakeDmesgDelta, .sourced = true, .levels = true},
    {.name = "dmesg --time-format iso", .take = TakeDmesgIso, .sourced = true, .levels = true, .uniform = true},
    {.name = "/dev/kmsg", .take = TakeKmsg, .sourced = true, .wraps = false, .parts = true},
    {.name = "xl dmesg", .take = TakeXen},
    {.name = "logcat -b kernel", .take = TakeLogcat, .sourced = true},
    {.name = "Kubernetes", .take = TakeKubernetes, .wraps = false, .uniform = true},
    {.name = "GitLab CI", .take = TakeGitlab, .wraps = false, .parts = true, .uniform = true},
    {.name = "GitHub Actions", .take = TakeGithub, .wraps = false, .uniform = true},
    {.name = "docker compose", .take = TakeService, .wraps = false, .uniform = true},
    {.name = "last_kmsg", .take = TakePhone, .sourced = true},
    {.name = "wall", .take = TakeWall},
    {.name = "timestamps", .take = TakeStamp, .levels = true, .uniform = true},
};

// "kern  :warn  : " of dmesg -x, before each of its formats or, in KernelCI's logs, after the time.
bool SkipFacility(Cursor& at, Unwrapped& out) {
  const char first = at.peek();
  if (first != ' ' && (first < 'a' || first > 'z')) return false;
  Cursor c = at;
  c.SkipBlanks();
  const auto letter = [](char x) { return (x >= 'a' && x <= 'z') || (x >= '0' && x <= '9'); };
  const std::string_view facility = c.TakeWhile(letter);
  if (facility.size() < 3 || facility.size() > 8) return false;
  c.SkipBlanks();
  if (!c.Skip(':')) return false;
  const std::string_view level = c.TakeWhile(letter);
  c.SkipBlanks();
  constexpr std::string_view kLevels = "emerg alert crit err warn notice info debug";
  if (level.size() < 3 || kLevels.find(level) == std::string_view::npos || !c.Skip(": ")) return false;
  out.kernel = facility == "kern";
  out.program = !out.kernel;
  at = c;
  return true;
}

// "> > ", ">>> ", "Jo> " and so on, and the mark of lkctl detect --show.
void SkipQuotes(Cursor& at) {
  bool quoted = false;
  for (Cursor c = at;;) {
    c.SkipBlanks();
    if (c.peek() >= 'A' && c.peek() <= 'Z') {
      // Initials or a short name.
      const size_t size = c.TakeWhile([](char x) { return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z'); }).size();
      if (size > 4 || c.peek() != '>') break;
    }
    if (!c.Skip('>') && !c.Skip("| ")) break;
    quoted = true;
    at = c;
  }
  // One blank after the mark belongs to it.
  if (quoted) at.Skip(' ');
}

// Whether the text begins with the prefix, but for the values of digits. Written so that compilers vectorise it.
bool BeginsAlike(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  const auto is_digit = [](char c) { return static_cast<uint8_t>(static_cast<uint8_t>(c) - '0') < 10; };
  uint8_t differs = 0;
  for (size_t i = 0; i < prefix.size(); ++i) {
    const auto same = static_cast<uint8_t>(text[i] == prefix[i]);
    const auto digits =
        static_cast<uint8_t>(static_cast<uint8_t>(is_digit(text[i])) & static_cast<uint8_t>(is_digit(prefix[i])));
    differs |= static_cast<uint8_t>((same | digits) ^ 1U);
  }
  return differs == 0;
}

// Whether there is nothing to decode in the line.
bool IsPlain(std::string_view line) {
  using Block [[gnu::vector_size(16)]] = char;
  if (line.size() < sizeof(Block)) return line.find_first_of("\x1b\xc2&") == std::string_view::npos;
  Block special{};
  const auto search = [&](const char* at) {
    Block block;
    std::memcpy(&block, at, sizeof block);
    special |= (block == '\x1b') | (block == '\xc2') | (block == '&');
  };
  const char* const last = line.data() + line.size() - sizeof(Block);
  for (const char* at = line.data(); at < last; at += sizeof(Block)) search(at);
  search(last);  // overlaps the one before it
  std::array<uint64_t, 2> halves{};
  std::memcpy(halves.data(), &special, sizeof halves);
  return (halves[0] | halves[1]) == 0;
}

constexpr std::pair<std::string_view, char> kSigns[] = {{"\xc2\xa0", ' '}, {"&nbsp;", ' '}, {"&lt;", '<'},
                                                        {"&gt;", '>'},     {"&amp;", '&'},  {"&quot;", '"'},
                                                        {"&#39;", '\''},   {"&#34;", '"'}};

// The tags of HTML that text of a log may be in, and whether a line ends there. The kernel's own are "<TASK>", "<IRQ>"
// and so on.
struct TagName {
  std::string_view name;
  bool breaks = false;
};
constexpr TagName kTags[] = {
    {"a"},          {"b"},           {"body", true},  {"br", true}, {"code"},     {"div", true}, {"em"},   {"font"},
    {"html", true}, {"i"},           {"li", true},    {"mark"},     {"p", true},  {"pre", true}, {"samp"}, {"span"},
    {"strong"},     {"table", true}, {"tbody", true}, {"td", true}, {"th", true}, {"tr", true},  {"tt"},   {"u"}};

struct Tag {
  size_t size = 0;  // 0 if there is none
  const TagName* name = nullptr;
  bool closes = false;
};

// "<span class=...>", "</SPAN>", "<br/>" at the beginning of the text
Tag TagAt(std::string_view text) {
  constexpr size_t kMaxTag = 1024;
  Cursor c(text);
  if (!c.Skip('<')) return {};
  const bool closes = c.Skip('/');
  const std::string_view word = c.TakeWhile([](char x) { return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z'); });
  const auto* const name = std::ranges::find_if(kTags, [&](const TagName& tag) {
    return std::ranges::equal(tag.name, word, {}, {}, [](char x) { return static_cast<char>(x | 0x20); });
  });
  if (name == std::end(kTags) || (c.peek() != '>' && c.peek() != ' ' && c.peek() != '/')) return {};
  const size_t end = text.substr(0, kMaxTag).find('>');
  return end == std::string_view::npos ? Tag() : Tag{end + 1, name, closes};
}

Tag FirstTag(std::string_view line) {
  return TagAt(line.substr(std::min(line.find_first_not_of(" \t"), line.size())));
}
Tag LastTag(std::string_view line) {
  const size_t at = line.ends_with('>') ? line.rfind('<') : std::string_view::npos;
  return at == std::string_view::npos ? Tag() : TagAt(line.substr(at));
}

// Whether a web page, or the log in it, begins with this line.
bool BeginsPage(std::string_view line) {
  if (line.starts_with("<!DOCTYPE html") || line.starts_with("<!doctype html")) return true;
  for (const std::string_view tag : {"<br", "<BR"}) {
    if (const size_t at = line.find(tag); at != std::string_view::npos && TagAt(line.substr(at)).size > 0) return true;
  }
  const Tag first = FirstTag(line);
  return first.size > 0 && !first.closes &&
         (first.name->name == "html" || first.name->name == "body" || first.name->name == "pre");
}

}  // namespace

std::string_view Unwrapper::name() const {
  static_assert(std::size(kContainers) <= kMaxContainers);
  return container_ == 0 && levels_ ? "dmesg -x" : kContainers[container_].name;
}

bool Unwrapper::may_wrap() const {
  return kContainers[container_].wraps;
}

bool Unwrapper::has_parts() const {
  return kContainers[container_].parts;
}

bool Unwrapper::BeginsRecord(std::string_view line) const {
  const Begins begins = kContainers[container_].begins;
  return begins != nullptr && begins(line);
}

size_t Unwrapper::Skippable(std::string_view lines) const {
  const Begins begins = kContainers[container_].begins;
  size_t before = lines.size() - 1;  // of the last newline
  while (before > 0) {
    const size_t newline = lines.rfind('\n', before - 1);
    const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    // The line that precedes the one that is read, which may continue it; or a record's beginning.
    if (begins == nullptr) return start;
    std::string_view line = lines.substr(start, before - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    // The assembler changes other lines.
    const bool as_is = line.size() < LineAssembler::kMaxLine && line.find('\r') == std::string_view::npos;
    if (as_is && begins(line)) return start;
    if (start == 0) break;
    before = start - 1;
  }
  return 0;
}

// Parts of lines, and signs as below.
std::vector<std::string_view> Unwrapper::Hints() {
  std::vector<std::string_view> hints = {" stdout P ", " stderr P ", "Z 00O+", "Z 01O+", "Z 00E+",  "Z 01E+",
                                         ",c;",        ",c,",        ",+;",    ",+,",    "ncfrag=", "\\u001"};
  for (const auto& [sign, meaning] : kSigns) {
    if (sign.front() == '&') hints.push_back(sign);
  }
  return hints;
}

// "ESC [ ... letter" (ECMA-48); others have one character.
size_t Unwrapper::EscapeSize(std::string_view text) {
  if (text.size() < 2) return text.size();
  size_t size = 1;
  if (text[1] == '[') {
    const auto is_parameter = [](char c) { return (c >= '0' && c <= '9') || c == ';' || c == '?'; };
    for (size = 2; size < text.size() && is_parameter(text[size]); ++size) {
    }
  }
  return std::min(size + 1, text.size());
}

// Without terminal escapes and tags, and with the blanks and signs that mail programs and web pages write in another
// way.
std::string_view Unwrapper::Plain(std::string_view line) {
  constexpr std::string_view kFirst = "\x1b\xc2&<";
  scratch_.clear();
  std::array<size_t, kFirst.size()> next{};  // of each of these
  for (size_t i = 0; i < kFirst.size(); ++i)
    next[i] = kFirst[i] == '<' && !html_ ? std::string_view::npos : line.find(kFirst[i]);
  for (size_t at = 0; at < line.size();) {
    const size_t special = std::min(*std::ranges::min_element(next), line.size());
    scratch_.append(line, at, special - at);
    if (special == line.size()) break;
    const std::string_view rest = line.substr(special);
    if (rest.front() == '\x1b') {
      at = special + EscapeSize(rest);
    } else if (const Tag tag = TagAt(rest); tag.size > 0) {
      if (tag.name->breaks && !scratch_.empty() && special + tag.size < line.size()) scratch_ += ' ';
      at = special + tag.size;
    } else {
      const auto* const sign =
          std::ranges::find_if(kSigns, [&](const auto& known) { return rest.starts_with(known.first); });
      scratch_ += sign == std::end(kSigns) ? rest.front() : sign->second;
      at = special + (sign == std::end(kSigns) ? 1 : sign->first.size());
    }
    for (size_t i = 0; i < kFirst.size(); ++i) {
      if (next[i] < at) next[i] = line.find(kFirst[i], at);
    }
  }
  return scratch_;
}

// Finds out whether the log is in a web page: from the page's first line, or from a line that is the kernel's without
// its tags. After the kernel's first line, what looks like a page is text.
void Unwrapper::LearnHtml(std::string_view line) {
  if (html_) return;
  if (lines_ == 0 && BeginsPage(line)) {
    html_ = true;
  } else if (FirstTag(line).size > 0 || LastTag(line).size > 0) {
    html_ = true;
    html_ = HasTimeStamp(Plain(line));
  }
}

// A line of this row was found.
void Unwrapper::Learn(size_t row) {
  if (row == container_) {
    ++lines_;
    others_ = {};
    return;
  }
  if (++others_[row] < std::min(kRevise, std::max(lines_, uint32_t{1}))) return;
  lines_ = others_[row];
  others_ = {};
  container_ = row;
  prefix_.clear();
}

Unwrapped Unwrapper::Unwrap(std::string_view line, bool learn) {
  if (learn) LearnHtml(line);
  Cursor whole(!html_ && IsPlain(line) ? line : Plain(line));
  whole.Skip("\xef\xbb\xbf");
  Cursor start = whole;
  // Most lines begin with a time, or with a name.
  if (start.peek() != '[' && !Cursor::IsDigit(start.peek())) SkipQuotes(start);
  Unwrapped level;
  if (SkipFacility(start, level) && learn) levels_ = true;
  Unwrapped result;
  const auto take = [&](size_t row) {
    const ContainerFormat& container = kContainers[row];
    Cursor c = container.quoted ? start : whole;
    // Excerpts are often indented.
    if (container.quoted) c.SkipBlanks();
    const bool present = row == container_;
    if (present && !prefix_.empty() && BeginsAlike(c.rest(), prefix_)) {
      result = of_prefix_;
      c = Cursor(c.rest().substr(prefix_.size()));
    } else {
      const std::string_view from = c.rest();
      result = {};
      if (!container.take(c, {.out = result, .decoded = decoded_, .present = present})) return false;
      const std::string_view prefix = from.substr(0, from.size() - c.rest().size());
      // Without the blank, it would leave that of the next line in the text.
      if (present && container.uniform && prefix.ends_with(' ')) {
        prefix_ = prefix;
        of_prefix_ = result;
      }
    }
    if (container.levels) SkipFacility(c, result);
    if (level.program) {
      result.kernel = false;
      result.program = true;
    }
    result.text = c.rest();
    return true;
  };
  if (container_ != 0 && take(container_)) {
    if (learn) Learn(container_);
    return result;
  }
  const bool sourced = kContainers[container_].sourced;
  const bool printed = (learn || sourced) && LooksPrinted(start);
  size_t row = 0;
  if (learn) {
    for (row = 1; row < std::size(kContainers) && (row == container_ || !take(row)); ++row) {
    }
    if (row == std::size(kContainers)) row = 0;
    if (row != 0 || printed) Learn(row);
    if (row != 0 && row == container_) return result;
  }
  // A line of another container is text of the present one.
  result = row == 0 ? level : Unwrapped();
  result.text = start.rest();
  result.stray = kContainers[container_].sourced && !printed;
  return result;
}

bool Unwrapper::IsBare(std::string_view line) const {
  return container_ == 0 && !html_ && line.starts_with('[') && IsPlain(line);
}

}  // namespace lk::detect
