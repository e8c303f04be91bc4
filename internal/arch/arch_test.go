package arch_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the depguard rules in .golangci.yml")

// moduleRoot walks up from the package directory to the folder of go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, parent, dir, "no go.mod above the package directory")
		dir = parent
	}
}

// parsed is a Go file of the tree with its package comment.
type parsed struct {
	source
	doc string
}

// parseTree reads the import clauses of all Go files, whatever their build constraints.
func parseTree(t *testing.T, root string) []parsed {
	t.Helper()
	var out []parsed
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			// The go command passes over these as well.
			if base := d.Name(); name != root && (base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_') {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		p := parsed{doc: f.Doc.Text()}
		p.dir, p.name = path.Split(filepath.ToSlash(rel))
		p.dir, p.pkg = path.Clean(p.dir), f.Name.Name
		p.imports = importPaths(t, f)
		out = append(out, p)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, out)
	return out
}

func importPaths(t *testing.T, f *ast.File) []string {
	t.Helper()
	var out []string
	for _, s := range f.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		require.NoError(t, err)
		out = append(out, p)
	}
	return out
}

func TestImportsPointDownTheShelves(t *testing.T) {
	t.Parallel()
	var files []source
	for _, p := range parseTree(t, moduleRoot(t)) {
		files = append(files, p.source)
	}
	for _, v := range violations(files) {
		t.Error(v)
	}
}

func TestEveryPackageHasADocFile(t *testing.T) {
	t.Parallel()
	packages := map[string]string{} // directory to package comment in doc.go
	for _, p := range parseTree(t, moduleRoot(t)) {
		if _, seen := packages[p.dir]; !seen {
			packages[p.dir] = ""
		}
		if p.name != "doc.go" {
			continue
		}
		packages[p.dir] = p.doc
		want := "Package " + p.pkg + " "
		if p.pkg == "main" {
			want = "Command " + path.Base(p.dir) + " "
		}
		if !strings.HasPrefix(strings.ReplaceAll(p.doc, "\n", " "), want) {
			t.Errorf("%s/doc.go: the package comment does not start with %q", p.dir, want)
		}
	}
	for dir, doc := range packages {
		if doc == "" {
			t.Errorf("package %s has no doc.go with a package comment", dir)
		}
	}
}

func TestShelvesListEachPackageOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, s := range shelves {
		for _, p := range s.packages {
			if other, twice := seen[p]; twice {
				t.Errorf("package %s stands on shelf %q and on shelf %q", p, other, s.name)
			}
			seen[p] = s.name
		}
	}
	for _, p := range testPeers {
		require.GreaterOrEqual(t, shelfOf(p), 0, p)
	}
}

func TestModulePathIsTheOneInGoMod(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(moduleRoot(t), "go.mod"))
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(b), "\n")
	require.Equal(t, "module "+module, strings.TrimSpace(line))
}

func TestLicenceAndNoticeArePresent(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"LICENSE": {"Apache License", "Version 2.0, January 2004", "END OF TERMS AND CONDITIONS"},
		"NOTICE":  {"independent project", "not affiliated with", "trademarks", "SAP SE"},
	} {
		b, err := os.ReadFile(filepath.Join(moduleRoot(t), name))
		require.NoError(t, err)
		text := strings.Join(strings.Fields(string(b)), " ")
		for _, w := range want {
			require.Contains(t, text, w, name)
		}
	}
}

// TestLinterKnowsTheSameArrows holds the depguard rules against the tables.
func TestLinterKnowsTheSameArrows(t *testing.T) {
	const begin, end = "        # arrows: begin (written by go test ./internal/arch -update)\n", "        # arrows: end\n"
	name := filepath.Join(moduleRoot(t), ".golangci.yml")
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(strings.ReplaceAll(string(b), "\r\n", "\n"), begin)
	require.True(t, ok, "%s has no line %q", name, begin)
	got, tail, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s has no line %q", name, end)
	want := depguardRules()
	if *update && got != want {
		require.NoError(t, os.WriteFile(name, []byte(head+begin+want+end+tail), 0o644))
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run go test ./internal/arch -update; depguard rules (-want +got):\n%s", diff)
	}
}

// TestBrokenRulesAreFound proves with made-up files that each rule can fail.
func TestBrokenRulesAreFound(t *testing.T) {
	t.Parallel()
	in := func(dir, name, pkg string, imports ...string) source {
		return source{dir: dir, name: name, pkg: pkg, imports: imports}
	}
	of := func(dir string) string { return module + "/" + dir }
	tests := map[string]struct {
		file source
		want string // part of the only violation; empty when the file is good
	}{
		"down":                       {in("rfc", "call.go", "rfc", of("cpic"), of("serialization"), of("internal/wire")), ""},
		"same shelf":                 {in("internal/chain", "chain.go", "chain", of("internal/wire")), ""},
		"standard library":           {in("ni", "conn.go", "ni", "context", "net", "log/slog"), ""},
		"up":                         {in("internal/wire", "reader.go", "wire", of("ni")), `imports point down the shelves, and "bytes" is below "frames"`},
		"up from conversation":       {in("cpic", "conn.go", "cpic", of("rfc")), `"conversations" is below "calls"`},
		"abap below metadata":        {in("abap", "date.go", "abap", of("metadata")), `"values: abap" is below "values: metadata"`},
		"metadata below plans":       {in("metadata", "type.go", "metadata", of("serialization")), "imports point down"},
		"frames below values":        {in("ni", "conn.go", "ni", of("abap")), "imports point down"},
		"pool above rfc":             {in("rfc", "conn.go", "rfc", of("pool")), "imports point down"},
		"destination at the front":   {in("repository", "repository.go", "repository", of("destination")), "imports point down"},
		"test double in a product":   {in("gateway", "server.go", "gateway", of("rfctest")), "imports point down"},
		"test double in a library":   {in("destination", "open.go", "destination", of("rfctest")), "imports point down"},
		"test double in a program":   {in("cmd/rfcping", "main.go", "main", of("rfctest"), of("gateway")), ""},
		"program in a library":       {in("rfctest", "system.go", "rfctest", of("cmd/rfcping")), "imports point down"},
		"external test, host":        {in("cpic", "conn_test.go", "cpic_test", of("rfctest"), of("gateway")), ""},
		"external test, other above": {in("cpic", "conn_test.go", "cpic_test", of("destination")), "imports point down"},
		"internal test, host":        {in("cpic", "conn_test.go", "cpic", of("rfctest")), "only an external test package (package cpic_test)"},
		"package named like a test":  {in("cpic", "names.go", "cpic_test", of("rfctest")), "imports point down"},
		"fuzz may see all":           {in("fuzz", "chain_test.go", "fuzz_test", of("internal/chain"), of("rfctest")), ""},
		"unknown package":            {in("internal/util", "util.go", "util", "fmt"), "package internal/util stands on no shelf: add it"},
		"unknown root package":       {in(".", "purerfc.go", "purerfc", "fmt"), "package . stands on no shelf"},
		"unknown below a known":      {in("rfc/internal/x", "x.go", "x"), "stands on no shelf"},
		"import of unknown package":  {in("rfc", "call.go", "rfc", of("internal/util")), "that package stands on no shelf"},
		"import of the module root":  {in("rfc", "call.go", "rfc", module), "that package stands on no shelf"},
		"cgo":                        {in("serialization", "fast.go", "serialization", "C"), "pure Go"},
		"cgo in a test":              {in("serialization", "fast_test.go", "serialization", "C"), "pure Go"},
		"x/text at home":             {in("codepage", "table.go", "codepage", "golang.org/x/text/encoding/charmap"), ""},
		"x/text elsewhere":           {in("serialization", "classic.go", "serialization", "golang.org/x/text/encoding"), "allowed in codepage"},
		"x/text in another's test":   {in("abap", "char_test.go", "abap_test", "golang.org/x/text/encoding"), "allowed in codepage"},
		"gopacket in a test":         {in("internal/capture", "pcap_test.go", "capture", "github.com/gopacket/gopacket/pcapgo"), ""},
		"gopacket in a program":      {in("cmd/rfcping", "record.go", "main", "github.com/gopacket/gopacket/pcapgo"), "two megabytes"},
		"cobra in a program":         {in("cmd/rfcping", "main.go", "main", "github.com/spf13/cobra"), ""},
		"cobra in a library":         {in("rfctest", "system.go", "rfctest", "github.com/spf13/cobra"), "allowed in cmd/*"},
		"histogram in a library":     {in("pool", "stats.go", "pool", "github.com/HdrHistogram/hdrhistogram-go"), "allowed in cmd/*"},
		"progress in a library":      {in("unit", "run.go", "unit", "github.com/schollz/progressbar/v3"), "allowed in cmd/*"},
		"testify in a test":          {in("ni", "conn_test.go", "ni", "github.com/stretchr/testify/require", "github.com/google/go-cmp/cmp"), ""},
		"testify in the product":     {in("ni", "conn.go", "ni", "github.com/stretchr/testify/require"), "for tests only"},
		"testing in rfctest":         {in("rfctest", "system.go", "rfctest", "testing"), ""},
		"testing in the product":     {in("gateway", "server.go", "gateway", "testing"), "allowed in rfctest"},
		"testing/fstest":             {in("gateway", "server_test.go", "gateway", "testing/synctest"), ""},
		"unsafe in plans":            {in("serialization", "plan.go", "serialization", "unsafe"), ""},
		"unsafe elsewhere":           {in("codepage", "utf16.go", "codepage", "unsafe"), "allowed in serialization"},
		"library nobody decided on":  {in("rfc", "call.go", "rfc", "github.com/sijms/go-ora/v2"), "this module leans on no such library"},
		"path that shares letters":   {in("codepage", "table.go", "codepage", "golang.org/x/textproc"), "this module leans on no such library"},
		"observer below":             {in("destination", "journal.go", "destination", of("rfcotel")), `"front door" is below "observers"`},
		"telemetry elsewhere":        {in("monitor", "page.go", "monitor", "go.opentelemetry.io/otel/trace"), "allowed in rfcotel"},
		"metrics elsewhere":          {in("rfcotel", "span.go", "rfcotel", "github.com/prometheus/client_golang/prometheus"), "allowed in rfcprom"},
		"log in a library":           {in("rfc", "call.go", "rfc", "log"), "allowed in cmd/*"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := violations([]source{tt.file})
			if tt.want == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Contains(t, got[0], tt.want)
		})
	}
}

// TestTreeReaderSeesWhatTheCompilerIgnores plants files that a build on this machine
// would pass over, and one the go command never looks at.
func TestTreeReaderSeesWhatTheCompilerIgnores(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                  "module " + module + "\n",
		"ni/conn_windows.go":      "package ni\n\nimport _ \"" + module + "/rfc\"\n",
		"ni/cgo.go":               "//go:build never\n\npackage ni\n\nimport \"C\"\n",
		"ni/testdata/broken.go":   "package broken\n\nimport \"C\"\n",
		".cache/module/module.go": "package module\n\nimport \"C\"\n",
	} {
		name = filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	var files []source
	for _, p := range parseTree(t, root) {
		files = append(files, p.source)
	}
	want := []string{
		"ni/cgo.go imports C: the module is pure Go, cgo is not used",
		"ni/conn_windows.go imports " + module + `/rfc: imports point down the shelves, and "frames" is below "calls"`,
	}
	if diff := cmp.Diff(want, violations(files)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}
