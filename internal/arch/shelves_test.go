package arch_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// module is the path of this module; go.mod is checked against it.
const module = "github.com/purerfc/purerfc"

// A shelf is a set of packages that may import each other and everything on the
// shelves before it.
type shelf struct {
	name     string
	packages []string // directories from the module root; a last element * stands for any name
}

// shelves is the order of the house, lowest first. abap, metadata and serialization
// are one room with an order of its own, so each has its own shelf here; gateway is a
// product that its test double builds on, so it stands below rfctest.
var shelves = []shelf{
	{"bytes", []string{"internal/evidence", "internal/wire", "internal/sapcompress", "internal/fastser", "codepage", "internal/chain", "internal/bxml", "internal/capture", "internal/nearest", "internal/foreign", "internal/httphead", "internal/services", "internal/listen"}},
	{"frames", []string{"internal/netfault", "internal/watchdog", "internal/relay", "ni", "saprouter", "msgserver", "snc", "proxy"}},
	{"values: abap", []string{"abap"}},
	{"values: metadata", []string{"metadata"}},
	{"values: columns", []string{"columns", "internal/ofs1"}},
	{"values: serialization", []string{"serialization"}},
	{"conversations", []string{"cpic", "wsrfc"}},
	{"calls", []string{"rfc"}},
	{"around calls", []string{"repository", "pool", "unit"}},
	{"front door", []string{"destination", "destination/yaml", "bapi"}},
	{"platforms", []string{"connectivity", "connectivity/connectivitytest"}},
	{"observers", []string{"monitor", "rfcotel", "rfcprom"}},
	{"host", []string{"gateway", "internal/dissect"}},
	{"beside", []string{"rfctest", "internal/callsuite"}},
	{"programs", []string{"cmd/*", "examples/*", "fuzz", "internal/arch", "internal/scale", "internal/soak"}},
}

// testPeers may be imported by external test packages of every shelf: a test may talk
// to the host that stands above the package it tests.
var testPeers = []string{"gateway", "rfctest", "internal/dissect", "internal/callsuite"}

// A lean binds an import from outside the module to the packages that may use it. It
// holds for the path itself and everything below it.
type lean struct {
	path   string
	users  []string // directories as in shelf.packages
	tests  bool     // any test file may import it as well
	reason string
}

var leans = []lean{
	{"golang.org/x/text", []string{"codepage"}, false, "code page tables stay behind codepage"},
	{"github.com/pierrec/lz4/v4", []string{"internal/sapcompress"}, false, "LZ4 stays behind internal/sapcompress"},
	{"github.com/gopacket/gopacket", nil, true, "tests hold internal/capture against it; it would add two megabytes to every program; for tests"},
	{"golang.org/x/sync", []string{"rfc", "repository", "pool", "unit", "destination", "gateway", "rfctest", "cmd/*"}, true, "codecs and frames start no goroutines"},
	{"github.com/jackc/puddle/v2", []string{"pool"}, false, "the pool core stays behind pool"},
	{"github.com/gorilla/websocket", []string{"wsrfc"}, false, "WebSocket stays behind wsrfc"},
	{"software.sslmate.com/src/go-pkcs12", []string{"wsrfc"}, false, "PKCS#12 stays behind wsrfc"},
	{"github.com/magiconair/properties", []string{"destination"}, false, "properties files stay behind destination"},
	{"go.yaml.in/yaml/v3", []string{"destination/yaml"}, false, "YAML stays behind destination/yaml"},
	{"golang.org/x/oauth2", []string{"connectivity"}, false, "OAuth2 stays behind connectivity"},
	{"github.com/spf13/cobra", []string{"cmd/*"}, false, "only programs have a command line"},
	{"github.com/spf13/pflag", []string{"cmd/*"}, false, "only programs have a command line"},
	{"github.com/schollz/progressbar/v3", []string{"cmd/*"}, false, "only programs show progress"},
	{"golang.org/x/term", []string{"cmd/*"}, false, "only programs have a terminal"},
	{"github.com/HdrHistogram/hdrhistogram-go", []string{"cmd/*"}, false, "only programs keep histograms"},
	{"go.opentelemetry.io/otel", []string{"rfcotel"}, false, "OpenTelemetry stays behind rfcotel"},
	{"github.com/prometheus/client_golang", []string{"rfcprom"}, false, "Prometheus stays behind rfcprom"},
	{"github.com/stretchr/testify", nil, true, "for tests"},
	{"github.com/google/go-cmp", nil, true, "for tests"},
	// Parts of the standard library that not everybody may use.
	{"unsafe", []string{"serialization"}, false, "only struct plans need it"},
	{"testing", []string{"rfctest", "connectivity/connectivitytest", "internal/evidence", "internal/callsuite"}, true, "a program that calls functions must not link it"},
	{"log", []string{"cmd/*", "examples/*"}, false, "libraries log through the *slog.Logger they are given"},
}

// exempt are imports that share a prefix with a lean and are free for all.
var exempt = []string{"log/slog"}

// A source is one Go file as far as its imports are concerned.
type source struct {
	dir     string // from the module root, with slashes; "." for the root
	name    string
	pkg     string
	imports []string
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s source) isExternalTest() bool { return s.isTest() && strings.HasSuffix(s.pkg, "_test") }

// shelfOf returns the index of the shelf on which the package in dir stands, or -1.
func shelfOf(dir string) int {
	return slices.IndexFunc(shelves, func(s shelf) bool { return listed(s.packages, dir) })
}

// listed reports whether dir matches one of the patterns.
func listed(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, dir)
		return err == nil && ok
	})
}

// under reports whether the import path imp is root or lies below it.
func under(imp, root string) bool {
	return imp == root || strings.HasPrefix(imp, root+"/")
}

// violations returns one line for each broken rule, in the order of the files.
func violations(files []source) []string {
	var out []string
	unknown := map[string]bool{}
	for _, f := range files {
		if shelfOf(f.dir) < 0 && !unknown[f.dir] {
			unknown[f.dir] = true
			out = append(out, fmt.Sprintf("package %s stands on no shelf: add it to shelves in internal/arch/shelves_test.go, as low as its imports allow", f.dir))
		}
		for _, imp := range f.imports {
			if why := forbidden(f, imp); why != "" {
				out = append(out, fmt.Sprintf("%s imports %s: %s", path.Join(f.dir, f.name), imp, why))
			}
		}
	}
	return out
}

// forbidden says why f must not import imp, or nothing.
func forbidden(f source, imp string) string {
	if imp == "C" {
		return "the module is pure Go, cgo is not used"
	}
	if under(imp, module) {
		return forbiddenInside(f, strings.TrimPrefix(strings.TrimPrefix(imp, module), "/"))
	}
	return forbiddenOutside(f, imp)
}

func forbiddenInside(f source, dir string) string {
	from, to := shelfOf(f.dir), shelfOf(dir)
	switch {
	case from < 0:
		return "" // reported once for the package
	case to < 0:
		return "that package stands on no shelf"
	case to <= from:
		return ""
	case f.isExternalTest() && listed(testPeers, dir):
		return ""
	case f.isTest() && listed(testPeers, dir):
		return fmt.Sprintf("only an external test package (package %s_test) may import it", f.pkg)
	}
	return fmt.Sprintf("imports point down the shelves, and %q is below %q", shelves[from].name, shelves[to].name)
}

func forbiddenOutside(f source, imp string) string {
	if listed(exempt, imp) {
		return ""
	}
	for _, l := range leans {
		if !under(imp, l.path) || l.tests && f.isTest() || listed(l.users, f.dir) {
			continue
		}
		if len(l.users) == 0 {
			return l.reason + " only"
		}
		return fmt.Sprintf("%s; allowed in %s", l.reason, strings.Join(l.users, ", "))
	}
	first, _, _ := strings.Cut(imp, "/")
	if strings.Contains(first, ".") && !slices.ContainsFunc(leans, func(l lean) bool { return under(imp, l.path) }) {
		return "this module leans on no such library: add it to leans in internal/arch/shelves_test.go with the one package that uses it, or do without"
	}
	return ""
}

// depguardRules writes the tables above as depguard rules, indented for .golangci.yml.
func depguardRules() string {
	var b strings.Builder
	rule := func(name string, files, deny []string, reason string) {
		fmt.Fprintf(&b, "        %s:\n          list-mode: lax\n          files:\n", name)
		for _, f := range files {
			fmt.Fprintf(&b, "            - %q\n", f)
		}
		b.WriteString("          deny:\n")
		for _, d := range deny {
			fmt.Fprintf(&b, "            - pkg: %s\n              desc: %s\n", d, reason)
		}
	}
	for i, s := range shelves[:len(shelves)-1] {
		files := []string{"!$test"}
		for _, p := range s.packages {
			files = append(files, "**/"+p+"/*.go")
		}
		var deny []string
		for _, above := range shelves[i+1:] {
			for _, p := range above.packages {
				if dir, any := strings.CutSuffix(p, "*"); any {
					deny = append(deny, module+"/"+dir)
				} else {
					deny = append(deny, module+"/"+p+"$") // rfc must not stand for rfctest
				}
			}
		}
		rule(slug(s.name), files, deny, "imports point down the shelves")
	}
	for _, l := range leans {
		files := []string{"**/*.go"}
		if l.tests {
			files = append(files, "!$test")
		}
		for _, p := range l.users {
			files = append(files, "!**/"+p+"/*.go")
		}
		deny := l.path
		if !strings.Contains(deny, ".") {
			deny += "$" // log must not stand for log/slog
		}
		rule("lean-"+slug(l.path), files, []string{deny}, l.reason)
	}
	return b.String()
}

// slug turns a name into a YAML key.
func slug(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(": ./", r) }), "-")
}
