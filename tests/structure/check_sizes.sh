#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# No header over 350 lines, no function over 60. A function is a brace block that opens outside all others, or directly
# in a namespace or a class, and is neither of these itself nor an initializer (whose brace follows `=`).
# In detail/ also: no header over 250 lines, and no class with more than 20 functions. All that its body declares or
# defines count, private and static ones too. Not counted: constructors, the destructor, assignment, what is deleted or
# defaulted, and friends. A class in a class counts on its own.
set -euo pipefail
cd "$(dirname "$0")/../.."

bad=0
find include tests examples \( -name node_modules -prune \) -o \( -name '*.hpp' -o -name '*.cpp' \) -print | sort | xargs awk '
  function complain(text) { print text > "/dev/stderr"; bad = 1 }
  function kind_of(head) {
    gsub(/\[\[[^]]*\]\]/, "", head)
    while (sub(/template *<[^<>]*(<[^<>]*(<[^<>]*>[^<>]*)*>[^<>]*)*>/, "", head)) {}
    sub(/^ *requires .* (class|struct) /, "struct ", head)
    if (head ~ /= *$/) return "initializer"
    return head ~ /^ *(inline |typedef )?(namespace|class|struct|union|enum|extern ")/ ? "scope" : "block"
  }
  FNR == 1 { depth = 0; text = "" }
  FNR == 251 && FILENAME ~ /^include\/heartbeat\/detail\// {
    complain(FILENAME ": more than 250 lines in detail/; a second idea wants its own header")
  }
  FNR == 351 && FILENAME ~ /^include\// { complain(FILENAME ": more than 350 lines; a second idea wants its own header") }
  /^ *#/ { next }
  /^BOOST_(AUTO|FIXTURE)_TEST_SUITE/ { text = ""; next }
  /^ *(public|private|protected): *(\/\/.*)?$/ { text = ""; next }
  {
    gsub(/\\./, "")
    gsub(/'\''[{}"]'\''/, "")
    gsub(/"[^"]*"/, "\"\"")
    sub(/\/\/.*/, "")
    for (i = 1; i <= length($0); i++) {
      c = substr($0, i, 1)
      if (c == "{") {
        kind[depth + 1] = depth == 0 || kind[depth] == "scope" ? kind_of(text) : "inner"
        opened[++depth] = FNR
      } else if (c == "}" && depth > 0) {
        if (kind[depth] == "block" && FNR - opened[depth] >= 60)
          complain(FILENAME ":" opened[depth] ": a function of " FNR - opened[depth] + 1 " lines; at most 60")
        depth--
      }
      text = c ~ /[{};]/ ? "" : text c
    }
    text = text " "
  }
  END { exit bad }' || bad=1

find include/heartbeat/detail -name '*.hpp' | sort | xargs python3 -c '
import re, sys

CLOSING = {"(": ")", "{": "}", "[": "]"}

def without_words(text):  # no comments, literals, preprocessor lines; every line stays where it is
    blank = lambda found: "\n" * found[0].count("\n") or " "
    text = re.sub(r"//[^\n]*|/\*.*?\*/|R\"(\w*)\(.*?\)\1\"|\"(?:\\.|[^\"\\\n])*\"|(?<!\w)\x27(?:\\.|[^\x27\\\n])+\x27",
                  blank, text, flags=re.S)
    return re.sub(r"^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.M)

def end_of(text, at):  # behind the bracket that closes the one at `at`
    closing = []
    for i in range(at, len(text)):
        if text[i] in CLOSING:
            closing.append(CLOSING[text[i]])
        elif closing and text[i] == closing[-1]:
            closing.pop()
            if not closing:
                return i + 1
    return len(text)

def plain(head):  # of a declaration: no attributes, macros, template arguments, constraints before its type
    head = re.sub(r"\boperator\s*=(?!=)", "assignment_operator", head)
    head = re.sub(r"\boperator\s*(?:\(\)|\[\]|[^\w\s(\[]+)", "operator ", head)
    head = re.sub(r"\[\]|->", " ", head)
    head = re.sub(r"^(?:\s*(?:public|private|protected)\s*:(?!:))+", "", head)
    head = re.sub(r"\b(?:HEARTBEAT_\w+|alignas|decltype|__attribute__|explicit)\b\s*(?:\([^()]*\))?", " ", head)
    while re.search(r"<[^<>]*>", head):
        head = re.sub(r"<[^<>]*>", "", head)
    head = re.sub(r"\btemplate\b", " ", head).strip()
    term = r"(?:requires\s*(?:\(\)\s*)?\{\}|\(\)|!?[\w:]+(?:\(\))?)"
    return re.sub(r"^requires\s*" + term + r"(?:\s*(?:&&|\|\|)\s*" + term + r")*", "", head).strip()

def class_of(head):
    found = re.match(r"(?:inline |typedef )?(?:class|struct|union)\b([^(=:]*)", head)
    if not found:
        return None
    names = [name for name in re.findall(r"\w+", found[1]) if name != "final"]
    return names[-1] if names else "(unnamed)"

def is_function(head):  # also a constructor, or a friend
    if re.match(r"(?:using|typedef|static_assert)\b", head):
        return False
    name = head.split("=")[0]
    return "(" in name and not re.match(r"[^(]*\(\*\)", name) and "{" not in name.split("(")[0]

def counts(head, owner):
    if not is_function(head) or re.search(r"^friend\b|=\s*(?:delete|default)\s*$", head):
        return False
    name = re.search(r"(~?\s*\w+)\s*$", head.split("(")[0])
    name = name[1].replace(" ", "") if name else ""
    return name not in (owner, "~" + owner, "assignment_operator")

def scope(text, at, owner, classes):  # reads declarations up to the brace that closes the scope
    head, functions, start = "", 0, at
    while at < len(text) and text[at] != "}":
        c = text[at]
        if c == "(" or c == "[":
            after = end_of(text, at)
            is_pointer = re.match(r"\(\s*(?:\w+::)*[*&]", text[at:after])
            head += "[]" if c == "[" else "(*)" if is_pointer else "()"
            at = after
        elif c == ";":
            functions += counts(plain(head), owner)
            head = ""
            at += 1
        elif c == "{":
            known = plain(head)
            name = class_of(known)
            if re.match(r"(?:inline )?namespace\b|extern\s*$", known):
                at = scope(text, at + 1, "", classes)
                head = ""
            elif name:
                at = scope(text, at + 1, name, classes)
                head = "member "  # of that type, if one is declared along with it
            elif re.search(r"\brequires\s*$|(?:\brequires|&&|\|\|)\s*requires\s*\(\)\s*$", head):
                at = end_of(text, at)
                head += "{}"
            elif not is_function(known) or re.search(r"\)[^:]*(?<!:):(?!:).*[\w>]\s*$", known, re.S):
                at = end_of(text, at)  # an enumeration, or initializes a member
                head += "{}"
            else:
                at = end_of(text, at)
                functions += counts(known, owner)
                head = ""
        else:
            head += c
            at += 1
    if owner:
        classes.append((text.count("\n", 0, start) + 1, owner, functions))
    return at + 1

bad = False
for path in sys.argv[1:]:
    classes = []
    with open(path, encoding="utf-8") as file:
        scope(without_words(file.read()), 0, "", classes)
    for line, name, functions in sorted(classes):
        if functions > 20:
            bad = True
            print(f"{path}:{line}: {name} has {functions} functions; at most 20 in detail/", file=sys.stderr)
sys.exit(bad)' || bad=1
exit $bad
