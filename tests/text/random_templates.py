"""Random templates: expressions of all kinds in tags with all kinds of white space control."""

VARIABLES = {
    "i": 7, "n": -3, "z": 0, "f": 2.5, "g": -0.125, "t": True, "u": False, "e": None,
    "s": "Hello World", "w": " \t padded\n", "q": "it's \"quoted\" \\ é ß Ω", "empty": "",
    "num": "42", "csv": "a,b,,c",
    "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "el": [], "mix": [1, "1", 1.0, None, True],
    "d": {"b": 1, "a": "x", "items": 5, "k": [1, 2]}, "ed": {},
    "ld": [{"n": "x", "v": 2, "on": True}, {"n": "Y", "v": 1, "on": False}, {"n": "z", "v": 2}],
    "nest": {"a": {"b": [{"c": "deep"}]}, "0": "zero"},
}
NAMES = list(VARIABLES) + ["missing", "nothing"]
STRINGS = ["''", "'a'", "\"b\"", "','", "'l'", "'Hello'", "'x\\ny'", "' '", "'%s!'", "'é'", "'a\\'b'", "'A-b c'"]
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "count", "first", "last", "list",
           "string", "int", "float", "abs", "reverse|list", "sort", "unique|list", "join", "join(',')",
           "join('-')", "default('dflt')", "default('dflt', true)", "d(1)", "replace('l', 'L')",
           "replace('', '-')", "replace('o', '0', 1)", "tojson", "tojson(indent=2)",
           "tojson(sort_keys=true)", "tojson(separators=(',',':'))", "tojson(ensure_ascii=true)",
           "items|list", "dictsort", "dictsort(by='value')", "dictsort(reverse=true)",
           "map('upper')|list", "map('string')|list", "map(attribute='n')|list",
           "map(attribute='v', default=0)|list", "map('int')|list", "map('length')|list",
           "select|list", "reject|list", "select('string')|list", "select('equalto', 1)|list",
           "select('gt', 1)|list", "reject('none')|list", "selectattr('on')|list",
           "selectattr('v', 'eq', 2)|list", "rejectattr('on', 'defined')|list", "sum", "sum(start=10)",
           "sum(attribute='v')", "min", "max", "round", "round(1)", "round(1, 'floor')",
           "round(method='ceil')", "indent", "indent(2, true)", "indent('> ', blank=true)", "center(20)",
           "truncate(8)", "truncate(8, true)", "wordcount", "batch(2)|list", "batch(2, 'x')|list",
           "slice(2)|list", "slice(2, 0)|list", "groupby('v')|list", "groupby('n')|list", "sort(reverse=true)",
           "sort(attribute='v')|map(attribute='n')|list", "sort(case_sensitive=true)", "attr('a')",
           "format(1, 2)", "min(attribute='v')", "max(attribute='n')", "nosuch", "int(5)", "float(1.5)",
           "int(base=16)", "length(1)", "map('nosuch')|list", "first|upper"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping",
         "iterable", "sequence", "true", "false", "odd", "even", "divisibleby 3", "divisibleby(2)", "lower",
         "upper", "eq 1", "ne('a')", "lt 5", "gt(2)", "ge 2.5", "le 2", "in [1, 'a']", "in 'Hello'",
         "sameas none", "equalto 'a'", "callable", "nosuch"]
METHODS = ["upper()", "lower()", "strip()", "strip('H')", "lstrip()", "rstrip('d')", "split()",
           "split(',')", "split('l', 1)", "rsplit(None, 1)", "rsplit('l', 1)", "splitlines()", "startswith('He')", "endswith('d')",
           "startswith(('x', 'H'))", "replace('l', '')", "replace('l', 'LL', 1)", "find('o')",
           "rfind('o')", "count('l')", "title()", "capitalize()", "items()|list", "keys()|list",
           "values()|list", "get('a')", "get('zz', 5)", "join(ls)", "isdigit()", "isalpha()", "isupper()",
           "index(1)", "count(1)", "partition(' ')", "rpartition('l')", "swapcase()", "zfill(5)",
           "ljust(15)", "rjust(14, '*')", "center(17)", "removeprefix('He')", "removesuffix('ld')",
           "nosuch()", "items()", "startswith('l', 2)", "find('l', -4, 9)"]
ATTRIBUTES = [".a", ".b", ".items", ".k", ".n", "['a']", "['items']", "[0]", "[-1]", "[5]", ".0", "[1:]",
              "[:-1]", "[::-1]", "[::2]", "[-2:]", "[1:3]", "['zz']", "[i]", "[s]", "[5:1:-2]", ".missing",
              "[1.0]", "[none]", "[true]", "[:'a']"]


def pick(source, items):
    return items[source.randrange(len(items))]


def atom(source):
    kind = source.randrange(10)
    if kind < 6:
        return pick(source, NAMES)
    if kind < 8:
        return pick(source, STRINGS)
    return pick(source, ["0", "1", "2", "-1", "3.5", "1e3", "true", "false", "none", "10", "0.1", "1_000"])


def expression(source, depth):
    if depth == 0:
        return atom(source)
    def inner():
        return expression(source, depth - 1)
    kind = source.randrange(20)
    if kind < 3:
        return atom(source)
    if kind < 5:
        operator = pick(source, ["+", "-", "*", "/", "//", "%", "~", "~", "+"])
        return f"{inner()} {operator} {inner()}"
    if kind == 5:
        return f"({inner()})"
    if kind == 6:
        operator = pick(source, ["==", "!=", "<", ">", "<=", ">=", "in", "not in"])
        return f"{inner()} {operator} {inner()}"
    if kind == 7:
        return f"{inner()} {pick(source, ['and', 'or'])} {inner()}"
    if kind == 8:
        return f"not {inner()}"
    if kind < 12:
        return f"{inner()}|{pick(source, FILTERS)}"
    if kind == 12:
        return f"({inner()}) is {pick(source, ['', 'not '])}{pick(source, TESTS)}"
    if kind == 13:
        return f"{inner()} if {inner()} else {inner()}"
    if kind == 14:
        return f"{atom(source)}.{pick(source, METHODS)}"
    if kind < 17:
        return f"{pick(source, NAMES)}{pick(source, ATTRIBUTES)}"
    if kind == 17:
        return "[" + ", ".join(inner() for _ in range(source.randrange(4))) + "]"
    if kind == 18:
        return "{" + ", ".join(f"{pick(source, STRINGS)}: {inner()}"
                               for _ in range(source.randrange(3))) + "}"
    return pick(source, [f"({inner()}, {inner()})", f"-{atom(source)}", f"range({atom(source)})|list",
                         f"dict(a={inner()})", f"{inner()} if {inner()}", f"namespace(a={inner()}).a",
                         f"{atom(source)} ** 2", f"+{atom(source)}", f"range(1, 9, 3)|{pick(source, FILTERS)}",
                         f"'%s-%r' % ({inner()}, {inner()})", f"'%d|%5.1f|%x' % ({atom(source)}, {atom(source)}, 255)",
                         f"{inner()} < {atom(source)} <= {atom(source)}", f"({inner()}).{pick(source, METHODS)}"])


def space(source):
    return pick(source, ["", "", "", "-", "-", "+"])


def tag(source, inside):
    return "{%" + space(source) + " " + inside + " " + space(source) + "%}"


def text(source):
    return "".join(pick(source, ["a", "b ", " ", "\n", "\n\n", "  ", "\t", "{", "}", "%", "#", "é", "\r\n"])
                   for _ in range(source.randrange(5)))


def output(source, depth):
    minus = pick(source, ["", "", "-"])
    end = pick(source, ["", "", "-"])
    return "{{" + minus + " " + expression(source, depth) + " " + end + "}}"


def statement(source, depth):
    kind = source.randrange(14)
    if depth == 0 or kind < 4:
        return output(source, source.randrange(3))
    inner = lambda: body(source, depth - 1)  # noqa: E731
    value = lambda: expression(source, source.randrange(2))  # noqa: E731
    if kind == 4:
        return (tag(source, f"if ({value()})") + inner() +
                (tag(source, f"elif ({value()})") + inner() if source.random() < 0.4 else "") +
                (tag(source, "else") + inner() if source.random() < 0.5 else "") +
                tag(source, "endif"))
    if kind < 7:
        target = pick(source, ["x", "x", "i", "(a, b)", "k, v"])
        items = pick(source, ["l", "ls", "d", "d.items()", "ld", "s", "el", "range(3)", "d|items", "csv.split(',')",
                              "missing", f"({value()})", "[[1, 2], [3, 4]]"])
        condition = pick(source, ["", "", "", " if x", " if loop is defined", " if i"])
        jump = ""
        if source.random() < 0.2:
            jump = tag(source, f"if loop.index > {source.randrange(3)}") + \
                tag(source, pick(source, ["break", "continue"])) + tag(source, "endif")
        shown = pick(source, ["{{ x }}", "{{ loop.index }}", "{{ loop.first }}{{ loop.last }}", "{{ k }}={{ v }}",
                              "{{ loop.revindex0 }}/{{ loop.length }}", "{{ loop.previtem }}",
                              "{{ loop.cycle('p', 'q') }}", "{{ loop.changed(x) }}", "{{ x.n }}", "{{ loop.nextitem }}"])
        return (tag(source, f"for {target} in {items}{condition}") + shown + inner() + jump +
                (tag(source, "else") + inner() if source.random() < 0.3 else "") +
                tag(source, "endfor"))
    if kind == 7:
        return tag(source, f"set {pick(source, ['x', 'new'])} = {value()}") + "{{ new }}{{ x }}"
    if kind == 8:
        return tag(source, "set x") + inner() + tag(source, "endset") + "{{ x|length }}"
    if kind == 9:
        return (tag(source, "macro m(p, r=" + value() + ")") + "{{ p }}:{{ r }}" + inner() +
                tag(source, "endmacro") + pick(source, ["{{ m(1) }}", "{{ m() }}", "{{ m(s, r=2) }}",
                                                        "{{ m(1, 2) | upper }}", "{{ m(1, 2, 3) }}"]))
    if kind == 10:
        return tag(source, f"filter {pick(source, ['upper', 'trim', 'indent', 'lower', 'replace(1, 2)'])}") + \
            inner() + tag(source, "endfilter")
    if kind == 11:
        return tag(source, f"with x = {value()}, y = i") + "{{ x }}" + inner() + tag(source, "endwith")
    if kind == 12:
        return tag(source, f"set ns = namespace(v={atom(source)})") + \
            tag(source, "for x in l") + tag(source, "set ns.v = x") + tag(source, "endfor") + "{{ ns.v }}"
    return pick(source, ["{#" + space(source) + " a comment " + pick(source, ["", "-", "+"]) + "#}",
                         "{%" + space(source) + " raw " + pick(source, ["", "-"]) + "%} {{ x }} {% y %}\n{%" +
                         space(source) + " endraw " + space(source) + "%}",
                         tag(source, "generation") + inner() + tag(source, "endgeneration")])


def body(source, depth):
    return "".join(text(source) + statement(source, depth) + text(source)
                   for _ in range(source.randrange(1, 3)))


def random_template(source):
    if source.random() < 0.5:
        return "{{ " + expression(source, 1 + source.randrange(3)) + " }}"
    return body(source, 1 + source.randrange(2))
