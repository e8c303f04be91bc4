package destination_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
)

const jcoPage = "../docs/jco.md"

// fieldOf finds the field of Config that a property changes, by trying.
func fieldOf(t *testing.T, key string) string {
	t.Helper()
	value, ok := samples[key]
	if !ok {
		return ""
	}
	base := good(destination.KeyAllowNonUnicode, "0")
	switch key {
	case destination.KeyPCS:
		base.Set(destination.KeyAllowNonUnicode, "1")
	case destination.KeyRepositoryUser, destination.KeyRepositoryPasswd:
		base.Set(destination.KeyRepositoryUser, "V")
		base.Set(destination.KeyRepositoryPasswd, "W")
	}
	before, _, err := destination.ParseProperties("", base)
	require.NoError(t, err)
	base.Set(key, value)
	after, _, err := destination.ParseProperties("", base)
	require.NoError(t, err)
	return changed(reflect.ValueOf(before), reflect.ValueOf(after), "Config")
}

// changed is the path of the first field that differs.
func changed(a, b reflect.Value, path string) string {
	for i := range a.NumField() {
		name, x, y := path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)
		if a.Type().Field(i).Name == "Additional" || reflect.DeepEqual(x.Interface(), y.Interface()) {
			continue
		}
		if x.Kind() == reflect.Struct {
			return changed(x, y, name)
		}
		return name
	}
	return ""
}

// cell is a text in a table of Markdown.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace(s) }

// tables are the generated part of the page.
func tables(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	groups, members := sections()
	for _, g := range groups {
		fmt.Fprintf(&b, "### %s\n\n| Property | Go | Other names | Meaning | Default | Allowed | For | Acts on | Here |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n", g)
		for _, p := range members[g] {
			form := ""
			if p.Constant != "" {
				form = "`destination." + p.Constant + "`"
			}
			if field := fieldOf(t, p.Key); field != "" {
				form += ", `destination." + field + "`"
			}
			def, allowed, here := strings.Trim(p.Default, "()"), p.Allowed, string(p.Support)
			if p.Default != "" && p.Unit != "" && !strings.HasPrefix(p.Default, "(") {
				def += " " + p.Unit
			}
			if p.Secret {
				allowed += "; secret"
			}
			if p.Support != destination.Supported {
				here += ": " + p.Remedy
			}
			var names []string
			for _, a := range p.Aliases {
				if a != p.Key {
					names = append(names, "`"+a+"`")
				}
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s | %s |\n", p.Key, form, strings.Join(names, " "), cell(p.Doc), cell(def), cell(strings.TrimPrefix(allowed, "; ")), cell(p.For), p.Effect, cell(here))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// The tables of docs/jco.md are those of the program.
func TestThePageOfJCoFollowsTheTable(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- begin: go test ./destination -update -->\n", "<!-- end -->\n"
	page, err := os.ReadFile(jcoPage)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(page), begin)
	require.True(t, ok)
	_, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	fresh(t, jcoPage, head+begin+"\n"+tables(t)+end+tail)
}

// exported lists what the packages of this module export, as package.Name and
// package.Type.Member.
func exported(t *testing.T, packages ...string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, pkg := range packages {
		files, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
		require.NoError(t, err)
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, d := range f.Decls {
				declare(found, f.Name.Name, d)
			}
		}
	}
	return found
}

func declare(found map[string]bool, pkg string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			typ := d.Recv.List[0].Type
			if star, ok := typ.(*ast.StarExpr); ok {
				typ = star.X
			}
			switch x := typ.(type) {
			case *ast.Ident:
				name = x.Name + "." + name
			case *ast.IndexExpr:
				name = x.X.(*ast.Ident).Name + "." + name
			}
		}
		found[pkg+"."+name] = true
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, n := range s.Names {
					found[pkg+"."+n.Name] = true
				}
			case *ast.TypeSpec:
				found[pkg+"."+s.Name.Name] = true
				var fields *ast.FieldList
				switch x := s.Type.(type) {
				case *ast.StructType:
					fields = x.Fields
				case *ast.InterfaceType:
					fields = x.Methods
				default:
					continue
				}
				for _, f := range fields.List {
					for _, n := range f.Names {
						found[pkg+"."+s.Name.Name+"."+n.Name] = true
					}
				}
			}
		}
	}
}

// fields of fields: Config.Pool is a PoolConfig, and so on.
var inner = strings.NewReplacer("Config.Pool.", "PoolConfig.", "Config.Repository.", "RepositoryConfig.",
	"Config.Policy.", "Policy.", "Config.Retry.", "RetryConfig.", "destination.Config.Limits.", "rfc.Limits.")

// Whatever Go name the page gives exists.
func TestThePageOfJCoNamesWhatExists(t *testing.T) {
	t.Parallel()
	found := exported(t, "destination", "destination/yaml", "rfc", "repository", "pool", "gateway", "rfctest", "serialization", "metadata", "abap", "bapi", "monitor", "rfcotel", "rfcprom")
	page, err := os.ReadFile(jcoPage)
	require.NoError(t, err)
	names := regexp.MustCompile("`[^`\n]*`").FindAllString(string(page), -1)
	identifier := regexp.MustCompile(`\b(destination|yaml|rfc|repository|pool|gateway|rfctest|serialization|metadata|abap|bapi|monitor|rfcotel|rfcprom)((?:\.[A-Z]\w*)+)`)
	n := 0
	for _, text := range names {
		for _, m := range identifier.FindAllString(text, -1) {
			require.True(t, found[inner.Replace(m)], "%s does not exist", m)
			n++
		}
	}
	require.Greater(t, n, 150)
}

// Each concept that JCo users know by a name of its API is on the page.
func TestThePageOfJCoHasEveryConcept(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(jcoPage)
	require.NoError(t, err)
	for _, concept := range []string{
		"JCoDestinationManager", "DestinationDataProvider", "DestinationDataEventListener", "JCoCustomDestination", "JCoDestination", "JCoRepository",
		"JCoFunction", "JCoFunctionUnit", "JCoUnitIdentifier", "JCoFunctionUnitState", "ParameterList", "setActive", "JCoRecord", "JCoTable", "toXML",
		"JCoContext", "JCoServerFactory", "JCoServerContext", "JCoThroughput", "JCoDestinationMonitor", "JCoRepositoryMonitor", "JCoConnectionData",
		"setTrace", "JCoException", "AbapException", "AbapClassException", "ConversionException", "JCoIDocServer", "jco.server.", "ServerDataProvider",
	} {
		require.True(t, strings.Contains(string(page), concept), concept)
	}
	for _, p := range destination.AllProperties() {
		require.True(t, strings.Contains(string(page), "`"+p.Key+"`"), p.Key)
	}
}
