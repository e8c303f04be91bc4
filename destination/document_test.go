package destination_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
)

func TestReadProperties(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc  string
		want []string
	}{
		"separators":          {"a=1\nb : 2\nc\t=3\n d = 4\n", []string{"a", "1", "b", "2", "c", "3", "d", "4"}},
		"line ends":           {"a=1\r\nb=2\rc=3", []string{"a", "1", "b", "2", "c", "3"}},
		"comments":            {"# a=1\n  ! b=2\n\n\t\nc=3 # no comment\n", []string{"c", "3 # no comment"}},
		"comment in UTF-8":    {"# für ß\na=1\n", []string{"a", "1"}},
		"continuation":        {"a=one,\\\n   two,\\\r\n\tthree\nb=1\n", []string{"a", "one,two,three", "b", "1"}},
		"continued comment":   {"# no \\\na=1\n", []string{"a", "1"}},
		"sign in continued":   {"a=1\\\n#2\n", []string{"a", "1#2"}},
		"joined to nothing":   {"\\\n\n\\\n \t\na=1\n", []string{"a", "1"}},
		"even backslashes":    {"a=1\\\\\nb=2\n", []string{"a", `1\`, "b", "2"}},
		"escapes":             {`a=\t\n\r\f\\\=\:\q` + "\n", []string{"a", "\t\n\r\f\\=:q"}},
		"escaped key":         {`a\ b\=c\:d=1` + "\n", []string{"a b=c:d", "1"}},
		"blanks":              {"a=  1  \n", []string{"a", "1  "}},
		"empty":               {"a=\nb=", []string{"a", "", "b", ""}},
		"unicode":             {`a=\u00e4\u20AC` + "\n", []string{"a", "ä€"}},
		"pair":                {`a=x\ud83d\ude00y` + "\n", []string{"a", "x😀y"}},
		"no escape":           {`a=\\u00e4` + "\n", []string{"a", `\u00e4`}},
		"Latin-1":             {"a=gr\xfc\xdf\n", []string{"a", "grüß"}},
		"UTF-8":               {"\xef\xbb\xbfa=grüß 😀\n", []string{"a", "grüß 😀"}},
		"no expansion":        {"a=${env:HOME}\n", []string{"a", "${env:HOME}"}},
		"equals in the value": {"jco.client.passwd=a=b:c=\n", []string{"jco.client.passwd", "a=b:c="}},
		"nothing":             {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := destination.ReadProperties([]byte(tc.doc), "x.properties")
			require.NoError(t, err)
			require.Equal(t, tc.want, pairs(p))
			again, err := destination.ReadProperties([]byte(p.Reveal()), "again")
			require.NoError(t, err, p.Reveal())
			require.Equal(t, tc.want, pairs(again))
		})
	}
}

// S-05: only the first = divides.
func TestS05EqualsInAPassword(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "A4H.jcoDestination", "jco.client.ashost=h\njco.client.sysnr=00\njco.client.user=U\njco.client.passwd=a=b=c\n", 0o600)
	write(t, dir, "sapnwrfc.ini", "DEST=B\nASHOST=h\nSYSNR=00\nUSER=U\nPASSWD=a=b=c\n", 0o600)
	for name, p := range map[string]destination.Provider{"A4H": &destination.Directory{Path: dir}, "B": &destination.File{Path: filepath.Join(dir, "sapnwrfc.ini")}} {
		cfg, _, err := destination.Load(t.Context(), p, name)
		require.NoError(t, err)
		require.Equal(t, "a=b=c", cfg.Password.Reveal())
	}
}

// blanks around keys and values are trimmed.
func TestA14Blanks(t *testing.T) {
	t.Parallel()
	cfg, eff, err := destination.ParseProperties("A4H", destination.NewProperties(map[string]string{
		" ASHOST": "MyFancyHost", "SYSNR": "\t00", "User": " SomeUser", "Password ": canary + " ",
	}))
	require.NoError(t, err)
	require.Equal(t, []string{"MyFancyHost", "00", "SomeUser", canary}, []string{cfg.ApplicationServer, cfg.SystemNumber, cfg.User, cfg.Password.Reveal()})
	require.Contains(t, warned(eff), "Password: blanks around the value are not part of it")
	silent(t, canary, cfg, eff)
}

// write makes a file with exactly these permissions.
func write(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

const minimal = "jco.client.ashost=h\njco.client.sysnr=00\n"

func TestB49DuplicateKeys(t *testing.T) {
	t.Parallel()
	_, err := destination.ReadProperties([]byte("jco.client.passwd="+canary+"\n\n# x\njco.client.passwd="+canary+"2\n"), "A4H.properties")
	require.EqualError(t, err, "A4H.properties: line 4: jco.client.passwd was given before, in line 1")
	for name, doc := range map[string]string{
		"x.json": "{\"jco.client.ashost\": \"a\",\n\n\"jco.client.ashost\": \"b\"}",
		"x.ini":  "DEST=A4H\nASHOST=a\nDEST=A4H\nASHOST=b\n",
	} {
		path := write(t, t.TempDir(), name, doc, 0o600)
		_, _, err := destination.Load(t.Context(), &destination.File{Path: path}, "A4H")
		require.ErrorContains(t, err, "line 3")
		require.ErrorContains(t, err, "in line 1")
	}
}

func TestB50BrokenDocuments(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		"a=1\nb=x\\u12g4" + canary:        `line 2, column 4: \u needs four hexadecimal digits`,
		"a=\\u12":                         `line 1, column 3: \u needs four hexadecimal digits`,
		"a=1\\\n  2\\u+123":               `line 2, column 4: \u needs four hexadecimal digits`,
		"a=\\ud83d" + canary:              `line 1, column 3: \ud83d is one half of a character`,
		"a=\\ude00\\ud83d":                `line 1, column 3: \ude00 is one half of a character`,
		"a=1\n\n" + canary + "\n":         "line 3, column 10: = is missing behind the key",
		"jco.client.passwd " + canary:     "line 1, column 18: = is missing behind the key",
		"=" + canary:                      `line 1, column 1: a key is missing in front of '='`,
		"a=1\nb=\x00" + canary:            "line 2, column 3: byte 0x00: this is no text in ISO 8859-1",
		"a=1\n# \x00":                     "line 2, column 3: byte 0x00",
		"a=\xe2\x82\xac":                  "line 1, column 4: byte 0x82: this is no text in ISO 8859-1",
		"\xef\xbb\xbfa=\xfc":              "line 1, column 3: byte 0xfc",
		"a=1\\":                           "a backslash at the end of the document",
		strings.Repeat("k", 257) + "=1":   "a key of 257 bytes, at most 256",
		"a=" + strings.Repeat("v", 65537): "a has 65537 bytes, at most 65536",
		strings.Repeat("#", 1<<20+1):      "1048577 bytes, at most 1048576",
		many(1001):                        "1001 properties, at most 1000",
		strings.Repeat(canary+"\n", 100):  "and 50 more",
	} {
		p, err := destination.ReadProperties([]byte(doc), "x.properties")
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "x.properties: ")
		require.Zero(t, p.Len())
		silent(t, canary, err)
		_, err = destination.ReadProperties([]byte(doc[:len(doc)/2]), "")
		silent(t, canary, err)
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "A4H.properties"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(100<<20))
	require.NoError(t, f.Close())
	_, _, err = destination.Load(t.Context(), &destination.Directory{Path: dir}, "A4H")
	require.ErrorContains(t, err, "104857600 bytes, at most 1048576")
}

// many makes a document with n properties.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d=1\n", i)
	}
	return b.String()
}

func TestUTF8WithoutItsMarkIsDoubted(t *testing.T) {
	t.Parallel()
	p, err := destination.ReadProperties([]byte(minimal+"jco.client.user=M\xc3\xbcller\njco.client.passwd=x\n"), "x.properties")
	require.NoError(t, err)
	_, eff, err := destination.ParseProperties("", p)
	require.NoError(t, err)
	require.Contains(t, warned(eff), "x.properties: it is read as ISO 8859-1 but looks like UTF-8")
}

func TestBrokenJSON(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{"a":"` + canary:              "line 1",
		"{\n\"a\":\n \"1\",}":          "line 3",
		`[{"a":"1"}]`:                  "an object { } is required",
		`"` + canary + `"`:             "an object { } is required",
		`{"a":"1"} "` + canary + `"`:   "something stands behind the object",
		`{"a":{"b":{"c":"1"}}}`:        "b holds further members, a text is required",
		`{"a":{"b":"1"},"c":"x"}`:      "c is a text among destinations",
		`{"a":["` + canary + `"]}`:     "unknown destination",
		`{"a":` + deep(20) + `}`:       "more than 16 levels",
		"":                             "the document ends too early",
		`{"a": ` + canary:              "not JSON",
		`{"jco.client.ashost":["h"]}}`: "something stands behind",
	} {
		path := write(t, t.TempDir(), "x.json", doc, 0o600)
		_, _, err := destination.Load(t.Context(), &destination.File{Path: path}, "A4H")
		if strings.Contains(doc, `{"b":{`) {
			_, _, err = destination.Load(t.Context(), &destination.File{Path: path}, "a")
		}
		require.ErrorContains(t, err, want, doc)
		silent(t, canary, err)
	}
}

func deep(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }

// numbers and booleans are taken as they are written.
func TestA07NumbersAndBooleans(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "x.json", `{"ASHOST":"h","SYSNR":"00","GWSERV":3300,"jco.client.delta":false,"jco.client.trace":0,"jco.client.lang":null}`, 0o600)
	cfg, _, err := destination.Load(t.Context(), &destination.File{Path: path}, "x")
	require.NoError(t, err)
	require.True(t, cfg.NoDelta)
	require.Equal(t, "3300", cfg.GatewayService)
}

func TestBrokenINI(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		"DEST=A\nASHOST\n":             "line 2: = is missing",
		"DEST=A\n=x\n":                 "line 2: a name is missing",
		"[A]\nASHOST=h\n":              "line 1: a section begins with a line DEST=NAME",
		"DEST=\n":                      "line 1: DEST= needs the name",
		"DEST=A\n/* x\n":               "is not closed",
		"DEST=A\nPASSWD=\x01" + canary: "line 2: control character 0x01",
		"DEST=A\nDEST=A\n":             "destination A was given before, in line 1",
	} {
		path := write(t, t.TempDir(), "x.ini", doc, 0o600)
		_, _, err := destination.Load(t.Context(), &destination.File{Path: path}, "A")
		require.ErrorContains(t, err, want, doc)
		silent(t, canary, err)
	}
}

func TestB51Permissions(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("permissions are kept elsewhere there")
	}
	secret := minimal + "jco.client.user=U\njco.client.passwd=" + canary + "\n"
	for _, tc := range []struct {
		text  string
		mode  os.FileMode
		allow bool
		wrong string
		warn  string
	}{
		{secret, 0o666, false, "permissions 0666: everybody can change it, and it holds a secret", ""},
		{secret, 0o666, true, "", "permissions 0666: others can read the secret"},
		{secret, 0o644, false, "", "permissions 0644: others can read the secret"},
		{secret, 0o600, false, "", ""},
		{minimal, 0o666, false, "", ""},
		{minimal + "jco.client.user=U\njco.client.passwd=${env:PW}\n", 0o644, false, "", ""},
	} {
		dir := t.TempDir()
		write(t, dir, "A4H.jcoDestination", tc.text, tc.mode)
		env := func(string) (string, bool) { return canary, true }
		_, eff, err := destination.Load(t.Context(), &destination.Directory{Path: dir, AllowWritable: tc.allow, Env: env}, "A4H")
		silent(t, canary, eff, err)
		if tc.wrong != "" {
			require.ErrorContains(t, err, tc.wrong)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tc.warn != "", strings.Contains(warned(eff), "permissions"))
		require.Contains(t, warned(eff), tc.warn)
	}
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "A4H.jcoDestination"), 0o700))
	_, _, err := destination.Load(t.Context(), &destination.Directory{Path: dir}, "A4H")
	require.ErrorContains(t, err, "A4H.jcoDestination is a directory")
	_, _, err = destination.Load(t.Context(), &destination.File{Path: dir}, "A4H")
	require.ErrorContains(t, err, "is a directory")
	_, _, err = destination.Load(t.Context(), &destination.File{Path: filepath.Join(dir, "none")}, "A4H")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = destination.Load(t.Context(), &destination.Directory{Path: filepath.Join(dir, "none")}, "A4H")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(dir, "LINK.properties")))
	_, _, err = destination.Load(t.Context(), &destination.Directory{Path: dir}, "LINK")
	require.ErrorContains(t, err, "LINK.properties")
}

func TestB52Placeholders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "secret"), 0o700))
	write(t, dir, "secret/pw", canary+"\r\n", 0o600)
	write(t, dir, "secret/open", canary, 0o666)
	absolute := write(t, t.TempDir(), "absolute", canary, 0o600)
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"HOST": "h", "PW": canary, "NESTED": "${env:HOST}", "EMPTY": ""}[name]
		return v, ok
	}
	for value, want := range map[string]string{
		"${env:PW}":                canary,
		"${PW}":                    canary,
		"${file:secret/pw}":        canary,
		"${file:" + absolute + "}": canary,
		"a${env:HOST}b${HOST}":     "ahbh",
		"${env:NESTED}":            "${env:HOST}", // looked through once
		"$${env:PW}":               "${env:PW}",
		"$$${HOST}":                "$${HOST}",
		"a$b{c}":                   "a$b{c}",
		"x${EMPTY}":                "x",
	} {
		write(t, dir, "A4H.jcoDestination", minimal+"jco.client.user=U\njco.client.passwd="+value+"\n", 0o600)
		cfg, eff, err := destination.Load(t.Context(), &destination.Directory{Path: dir, Env: env}, "A4H")
		require.NoError(t, err, value)
		require.Equal(t, want, cfg.Password.Reveal(), value)
		silent(t, canary, cfg, eff)
	}
	for value, want := range map[string]string{
		"${env:NOPE}":         "jco.client.passwd: placeholder ${env:NOPE}: the environment variable NOPE is not set (" + filepath.Join(dir, "A4H.jcoDestination") + ":4)",
		"${NOPE}":             "the environment variable NOPE is not set",
		"a${" + canary:        "a placeholder ${ without }",
		"${" + canary + "}":   "a placeholder is ${env:NAME} or ${file:path}",
		"${env:}":             "a placeholder is ${env:NAME} or ${file:path}",
		"${vault:x}":          "a placeholder is ${env:NAME} or ${file:path}",
		"${file:secret/none}": "no such file",
		"${file:secret}":      "secret is a directory",
		"${file:../x}":        "escapes",
		"${file:secret/open}": "permissions 0666: everybody can change it",
	} {
		if runtime.GOOS == "windows" && strings.Contains(want, "permissions") {
			continue
		}
		write(t, dir, "A4H.jcoDestination", minimal+"jco.client.user=U\njco.client.passwd="+value+"\n", 0o600)
		_, _, err := destination.Load(t.Context(), &destination.Directory{Path: dir, Env: env}, "A4H")
		require.ErrorContains(t, err, want, value)
		silent(t, canary, err)
	}
}
