package destination_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

func memory(t *testing.T, settings map[string]map[string]string) *destination.Memory {
	t.Helper()
	m := &destination.Memory{}
	for name, s := range settings {
		require.NoError(t, m.Set(name, destination.NewProperties(s)))
	}
	return m
}

func TestB54UnknownDestinations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "SALES_QA.jcoDestination", minimal, 0o600)
	ini := write(t, t.TempDir(), "sapnwrfc.ini", "DEST=SALES_DEV\nASHOST=h\nSYSNR=00\n", 0o600)
	c := destination.Chain{
		memory(t, map[string]map[string]string{"A4H": nil}),
		&destination.Environment{Lookup: func(string) (string, bool) { return "", false }, Environ: func() []string { return []string{"RFC_DEST_PRD=x", "RFC_DEST_QAS__JCO_CLIENT_ASHOST=h", "PATH=/"} }},
		&destination.Directory{Path: dir}, &destination.File{Path: ini},
	}
	for name, want := range map[string]string{
		"SALES_QS":               "did you mean SALES_QA?",
		"SALES_DEF":              "did you mean SALES_DEV?",
		"A4G":                    "did you mean A4H?",
		"PRF":                    "did you mean PRD?",
		"QAX":                    "did you mean QAS?",
		"":                       "unknown destination: the name is empty",
		"a/../b":                 "only letters, digits, _ and -, at most 200",
		"../A4H":                 "only letters, digits",
		strings.Repeat("x", 201): "at most 200",
		"nothing-like-it":        "unknown destination: Destination nothing-like-it does not exist in the program, the environment (RFC_DEST_NOTHING_LIKE_IT), directory " + dir + ", " + ini,
	} {
		_, _, err := destination.Load(t.Context(), c, name)
		require.ErrorIs(t, err, destination.ErrUnknown)
		require.ErrorIs(t, err, rfc.ErrConfig)
		require.ErrorContains(t, err, "unknown destination", name)
		require.ErrorContains(t, err, want)
		require.False(t, strings.HasPrefix(want, "did") == false && strings.Contains(err.Error(), "did you mean"))
	}
	names, err := c.Names(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"A4H", "PRD", "QAS", "SALES_DEV", "SALES_QA"}, names)
}

func TestTheFirstProviderThatKnowsTheNameGivesAll(t *testing.T) {
	t.Parallel()
	first := memory(t, map[string]map[string]string{"A": {"ASHOST": "one", "SYSNR": "01"}})
	second := memory(t, map[string]map[string]string{"A": {"ASHOST": "two", "SYSNR": "02", "CLIENT": "200"}, "B": {"ASHOST": "two", "SYSNR": "02"}})
	cfg, _, err := destination.Load(t.Context(), destination.Chain{first, second}, "A")
	require.NoError(t, err)
	require.Equal(t, []string{"A", "one", "01", ""}, []string{cfg.Name, cfg.ApplicationServer, cfg.SystemNumber, cfg.Client})
	cfg, _, err = destination.Load(t.Context(), destination.Chain{first, second}, "B")
	require.NoError(t, err)
	require.Equal(t, "two", cfg.ApplicationServer)
	broken := providerFunc(func(context.Context, string) (destination.Properties, error) {
		return destination.Properties{}, errors.New("vault is sealed")
	})
	_, _, err = destination.Load(t.Context(), destination.Chain{broken, second}, "B")
	require.ErrorContains(t, err, "B: vault is sealed")
	require.ErrorIs(t, err, rfc.ErrConfig)
	require.NotErrorIs(t, err, destination.ErrUnknown)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = destination.Load(ctx, providerFunc(func(ctx context.Context, _ string) (destination.Properties, error) {
		return destination.Properties{}, ctx.Err()
	}), "B")
	require.ErrorIs(t, err, context.Canceled)
}

type providerFunc func(ctx context.Context, name string) (destination.Properties, error)

func (f providerFunc) Load(ctx context.Context, name string) (destination.Properties, error) {
	return f(ctx, name)
}

func TestB32RepositoryDestinations(t *testing.T) {
	t.Parallel()
	at := func(next string) map[string]string {
		m := map[string]string{"ASHOST": "h", "SYSNR": "00"}
		if next != "" {
			m[destination.KeyRepositoryDestination] = next
		}
		return m
	}
	p := memory(t, map[string]map[string]string{"A": at("B"), "B": at("A"), "SELF": at("SELF"), "C": at("D"), "D": at(""), "E": at("NOPE"), "F": at("bad name")})
	for name, want := range map[string]string{
		"A": "it leads back: A -> B -> A", "SELF": "it leads back: SELF -> SELF",
		"E": "E -> NOPE: unknown destination", "F": "only letters, digits",
	} {
		_, _, err := destination.Load(t.Context(), p, name)
		require.ErrorContains(t, err, destination.KeyRepositoryDestination)
		require.ErrorContains(t, err, want)
	}
	cfg, _, err := destination.Load(t.Context(), p, "C")
	require.NoError(t, err)
	require.Equal(t, "D", cfg.Repository.Destination)
	long := &destination.Memory{}
	for i := range 20 {
		require.NoError(t, long.Set(string(rune('A'+i)), destination.NewProperties(at(string(rune('B'+i))))))
	}
	_, _, err = destination.Load(t.Context(), long, "A")
	require.ErrorContains(t, err, "more than 16 of them")
}

func TestEnvironmentProvider(t *testing.T) {
	t.Parallel()
	vars := map[string]string{
		"RFC_DEST_A4H":                                    "jco.client.ashost=hört\njco.client.sysnr=00\njco.client.client=100\njco.client.passwd=${env:PW}",
		"RFC_DEST_A4H__JCO_CLIENT_CLIENT":                 "200",
		"RFC_DEST_A4H__USER":                              "ALICE",
		"RFC_DEST_A4H__JCO_CLIENT_LANG":                   "",
		"RFC_DEST_MY_DEST":                                ` {"Type":"RFC","jco.client.ashost":"h","jco.client.sysnr":"00","mine":"x"}`,
		"RFC_DEST_ONE__ASHOST":                            "h",
		"RFC_DEST_ONE__SYSNR":                             "00",
		"RFC_DEST_ONE__JCO_DESTINATION_REPOSITORY_USER":   "U",
		"RFC_DEST_ONE__JCO_DESTINATION_REPOSITORY_PASSWD": canary,
		"RFC_DEST_ONE__GO_CALL_TIMEOUT_MS":                "1500",
		"RFC_DEST_BAD":                                    "jco.client.passwd\n" + canary,
		"RFC_DEST_TYPO__JCO_CLIENT_ASHOTS":                canary,
		"RFC_DEST_SEVERAL":                                `{"A":{"ASHOST":"h"}}`,
		"PW":                                              canary,
	}
	e := &destination.Environment{
		Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
		Environ: func() (list []string) {
			for k, v := range vars {
				list = append(list, k+"="+v)
			}
			return list
		},
	}
	cfg, eff, err := destination.Load(t.Context(), e, "a4h")
	require.NoError(t, err)
	require.Equal(t, []string{"hört", "200", "ALICE", canary, ""}, []string{cfg.ApplicationServer, cfg.Client, cfg.User, cfg.Password.Reveal(), cfg.Language})
	v, _ := eff.Get(destination.KeyClient)
	require.Equal(t, "environment RFC_DEST_A4H__JCO_CLIENT_CLIENT", v.Source.String())
	v, _ = eff.Get(destination.KeyASHost)
	require.Equal(t, "environment RFC_DEST_A4H:1", v.Source.String())
	cfg, _, err = destination.Load(t.Context(), e, "my-dest")
	require.NoError(t, err)
	mine, _ := cfg.Additional.Get("mine")
	require.Equal(t, "x", mine)
	cfg, _, err = destination.Load(t.Context(), e, "ONE")
	require.NoError(t, err)
	require.Equal(t, []any{1500 * time.Millisecond, "U", canary}, []any{cfg.CallTimeout, cfg.Repository.User, cfg.Repository.Password.Reveal()})
	for name, want := range map[string]string{
		"BAD":     "environment variable RFC_DEST_BAD: line 1, column 18: = is missing",
		"TYPO":    "RFC_DEST_TYPO__JCO_CLIENT_ASHOTS: unknown property; did you mean RFC_DEST_TYPO__JCO_CLIENT_ASHOST?",
		"SEVERAL": "it holds several destinations, but not SEVERAL",
	} {
		_, _, err = destination.Load(t.Context(), e, name)
		require.ErrorContains(t, err, want)
		silent(t, canary, err)
	}
}

// S-04: only the name of the destination is given; the file is found by RFC_INI or in the
// working directory and read anew each time.
func TestS04SapnwrfcINI(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := write(t, dir, "sapnwrfc.ini", "RFC_TRACE=0\n\n/*====*/\n/* Type A */\n# comment\n; too\nDEST=MME\r\nTYPE=A\nashost = 10.68.110.51\nSYSNR=00\nCLIENT=620\nUSER=demo\nPASSWD="+canary+"\nLANG=EN\nRFC_TRACE=2\nABAP_DEBUG=0\nUSE_SAPGUI=0\n\nDEST=BIN\nGROUP=PUBLIC\nR3NAME=BIN\nMSHOST=hs0311\n", 0o600)
	p := destination.INI(func(name string) (string, bool) { return path, name == "RFC_INI" })
	cfg, eff, err := destination.Load(t.Context(), p, "MME")
	require.NoError(t, err)
	require.Equal(t, []string{"10.68.110.51", "00", "620", "demo", canary, "EN"}, []string{cfg.ApplicationServer, cfg.SystemNumber, cfg.Client, cfg.User, cfg.Password.Reveal(), cfg.Language})
	v, _ := eff.Get(destination.KeyASHost)
	require.Equal(t, path+":9", v.Source.String())
	for _, w := range []string{"settings in front of the first DEST", "line 1", "ABAP_DEBUG: ignored", "jco.client.trace: without effect"} {
		require.Contains(t, warned(eff), w)
	}
	cfg, eff, err = destination.Load(t.Context(), p, "BIN")
	require.NoError(t, err)
	require.Equal(t, []string{"hs0311", "BIN", "PUBLIC", ""}, []string{cfg.MessageServer, cfg.SystemID, cfg.Group, cfg.ApplicationServer})
	v, _ = eff.Get(destination.KeyMSHost)
	require.Equal(t, path+":22", v.Source.String())
	v, _ = eff.Get(destination.KeyMSServ)
	require.Equal(t, "sapmsBIN", v.Value)
	write(t, dir, "sapnwrfc.ini", "DEST=MME\nASHOST=other\nSYSNR=01\nTRACE=1\n", 0o600)
	cfg, _, err = destination.Load(t.Context(), p, "MME")
	require.NoError(t, err)
	require.Equal(t, "other", cfg.ApplicationServer)
	silent(t, canary, cfg, eff, err)

	t.Run("absent", func(t *testing.T) {
		t.Parallel()
		p := destination.INI(func(string) (string, bool) { return "", false })
		p.Path = filepath.Join(dir, "none.ini")
		_, _, err := destination.Load(t.Context(), p, "MME")
		require.ErrorIs(t, err, destination.ErrUnknown)
		p = destination.INI(func(string) (string, bool) { return filepath.Join(dir, "none.ini"), true })
		_, _, err = destination.Load(t.Context(), p, "MME")
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

// S-01: trace levels of the SDK.
func TestS01TraceLevels(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"0", "1", "2", "3", "4", "false", "true"} {
		_, _, err := destination.ParseProperties("", good("TRACE", level))
		require.NoError(t, err, level)
	}
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "A4H.jcoDestination", "jco.client.ashost=first\njco.client.sysnr=00\n", 0o600)
	write(t, dir, "A4H.txt", "jco.client.ashost=second\njco.client.sysnr=00\n", 0o600)
	write(t, dir, "J.json", `{"Name":"J","Type":"RFC","URL":"x","jco.client.ashost":"json","jco.client.sysnr":"00"}`, 0o600)
	write(t, dir, "K.json", `{"Name":"OTHER","jco.client.ashost":"json","jco.client.sysnr":"00"}`, 0o600)
	write(t, dir, "README.md", "x", 0o600)
	d := &destination.Directory{Path: dir, Formats: map[string]destination.Format{".mine": func(doc []byte) ([]destination.Member, error) {
		return []destination.Member{{Key: "ASHOST", Line: 1, Value: rfc.Secret(doc)}, {Key: "SYSNR", Line: 1, Value: "00"}}, nil
	}}}
	write(t, dir, "M.mine", "own", 0o600)
	for name, host := range map[string]string{"A4H": "first", "J": "json", "M": "own"} {
		cfg, eff, err := destination.Load(t.Context(), d, name)
		require.NoError(t, err)
		require.Equal(t, host, cfg.ApplicationServer)
		require.Equal(t, name == "A4H", strings.Contains(warned(eff), "A4H.jcoDestination is read, not A4H.txt"))
	}
	_, _, err := destination.Load(t.Context(), d, "K")
	require.ErrorContains(t, err, `"OTHER", but this is destination K`)
	names, err := d.Names(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"A4H", "J", "K", "M"}, names)
}

func TestFileWithSeveralDestinations(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "all.json", `{"A":{"ASHOST":"a","SYSNR":"00"},"B":{"ASHOST":"b","SYSNR":"01"}}`, 0o600)
	f := &destination.File{Path: path}
	names, err := f.Names(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"A", "B"}, names)
	cfg, _, err := destination.Load(t.Context(), f, "B")
	require.NoError(t, err)
	require.Equal(t, "b", cfg.ApplicationServer)
	_, _, err = destination.Load(t.Context(), f, "C")
	require.ErrorContains(t, err, "did you mean A?")
}

// The answer of a destination service, as its guide describes it.
func TestDestinationServiceAnswer(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "answer.json", `{"owner":{"SubaccountId":"0b1f","InstanceId":null},
 "destinationConfiguration":{"Name":"SALES_QA","Type":"RFC","jco.client.ashost":"sales-qa","jco.client.sysnr":"07",
 "User":"RFC_READER","Password":"`+canary+`","Authentication":"BasicAuthentication","jco.destination.pool_capacity":"3","jco.destination.peak_limit":"8",
 "CloudConnectorLocationId":"plant-7","Description":"text","WebIDEUsage":"odata","$metadata":{"owner":{}}},"authTokens":[]}`, 0o600)
	f := &destination.File{Path: path}
	names, err := f.Names(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"SALES_QA"}, names)
	cfg, eff, err := destination.Load(t.Context(), f, "SALES_QA")
	require.NoError(t, err)
	require.Equal(t, []any{"sales-qa", "RFC_READER", canary, "text", 3, 8}, []any{cfg.ApplicationServer, cfg.User, cfg.Password.Reveal(), cfg.Description, *cfg.Pool.Capacity, *cfg.Pool.PeakLimit})
	usage, ok := cfg.Additional.Get("WebIDEUsage")
	require.True(t, ok)
	require.Equal(t, "odata", usage)
	silent(t, canary, cfg, eff)
}

// events collects what a watcher tells.
func events(ctx context.Context, seq iter.Seq[destination.Event]) func() []string {
	var mu sync.Mutex
	var list []string
	go func() {
		for e := range seq {
			text := e.Kind.String() + " " + e.Name
			if e.Err != nil {
				text += ": " + e.Err.Error()
			}
			mu.Lock()
			list = append(list, text)
			mu.Unlock()
		}
		mu.Lock()
		list = append(list, "end")
		mu.Unlock()
	}()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		out := list
		list = nil
		return out
	}
}

func TestWatchOfADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "A.jcoDestination", minimal+"jco.client.user=U\njco.client.passwd=${file:pw}\n", 0o600)
	write(t, dir, "B.jcoDestination", minimal, 0o600)
	write(t, dir, "pw", canary, 0o600)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		told := events(ctx, (&destination.Directory{Path: dir}).Watch(ctx))
		tick := func() []string {
			<-time.After(destination.DefaultPollInterval)
			synctest.Wait()
			return told()
		}
		synctest.Wait()
		require.Empty(t, tick(), "nothing has changed")
		write(t, dir, "A.jcoDestination", "# rewritten\njco.client.sysnr=00\n"+"jco.client.ashost=h\nUSER=U\njco.client.passwd=${file:pw}\n", 0o600)
		require.Empty(t, tick(), "the settings are the same")
		write(t, dir, "pw", canary+"2", 0o600)
		require.Equal(t, []string{"changed A"}, tick(), "a secret behind a placeholder")
		write(t, dir, "C.json", `{"ASHOST":"h","SYSNR":"00"}`, 0o600)
		require.NoError(t, os.Remove(filepath.Join(dir, "B.jcoDestination")))
		require.Equal(t, []string{"deleted B", "changed C"}, tick())
		write(t, dir, "C.json", `{"ASHOST":"`+canary, 0o600)
		failed := tick()
		require.Len(t, failed, 1)
		require.Contains(t, failed[0], "failed C: config: "+filepath.Join(dir, "C.json")+": line 1")
		require.NotContains(t, failed[0], canary)
		require.Empty(t, tick(), "told once")
		write(t, dir, "C.json", `{"ASHOST":"h","SYSNR":"00"}`, 0o600)
		require.Equal(t, []string{"changed C"}, tick())
		moved := dir + "-moved"
		require.NoError(t, os.Rename(dir, moved))
		gone := tick()
		require.Len(t, gone, 1)
		require.Contains(t, gone[0], "failed : config: ")
		require.Empty(t, tick(), "told once")
		require.NoError(t, os.Rename(moved, dir))
		require.Empty(t, tick(), "everything is there again, as it was")
		cancel()
		synctest.Wait()
		require.Equal(t, []string{"end"}, told())
	})
}

func TestWatchOfAFile(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "x.ini", "DEST=A\nASHOST=h\nSYSNR=00\n", 0o600)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		told := events(ctx, (&destination.File{Path: path, Interval: time.Minute}).Watch(ctx))
		synctest.Wait()
		write(t, filepath.Dir(path), "x.ini", "DEST=B\nASHOST=h\nSYSNR=00\n", 0o600)
		<-time.After(59 * time.Second)
		synctest.Wait()
		require.Empty(t, told())
		<-time.After(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"deleted A", "changed B"}, told())
	})
}

func TestWatchOfAProgramsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := memory(t, map[string]map[string]string{"A": {"ASHOST": "h"}})
		n := &destination.Memory{}
		ctx, cancel := context.WithCancel(t.Context())
		told := events(ctx, destination.Chain{m, n, providerFunc(nil)}.Watch(ctx))
		synctest.Wait()
		require.NoError(t, m.Set("A", destination.NewProperties(map[string]string{"jco.client.ashost": "h"})))
		synctest.Wait()
		require.Empty(t, told(), "another name of the same property")
		require.NoError(t, m.Set("A", destination.NewProperties(map[string]string{"ASHOST": "other"})))
		synctest.Wait()
		require.Equal(t, []string{"changed A"}, told())
		require.NoError(t, n.Set("B", destination.Properties{}))
		synctest.Wait()
		n.Delete("B")
		n.Delete("B")
		synctest.Wait()
		require.Equal(t, []string{"changed B", "deleted B"}, told())
		require.Error(t, m.Set("a b", destination.Properties{}))
		second := events(ctx, func(yield func(destination.Event) bool) { // left after one event
			for e := range m.Watch(ctx) {
				yield(e)
				return
			}
		})
		synctest.Wait()
		require.NoError(t, m.Set("C", destination.Properties{}))
		m.Delete("C")
		synctest.Wait()
		require.Equal(t, "end", slices.Concat(second(), []string{""})[1])
		require.NotEmpty(t, told())
		cancel()
		synctest.Wait()
		require.Equal(t, []string{"end"}, told())
	})
}

func TestStandardProviders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "STANDARD_TEST.properties", minimal, 0o600)
	ini := write(t, dir, "x.ini", "DEST=INI_TEST\nASHOST=h\nSYSNR=00\n", 0o600)
	env := map[string]string{"GORFC_DESTINATIONS_DIR": dir, "RFC_INI": ini, "RFC_DEST_ENV_TEST__ASHOST": "h", "RFC_DEST_ENV_TEST__SYSNR": "00"}
	p := destination.Standard(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, memory(t, map[string]map[string]string{"CODE_TEST": {"ASHOST": "h", "SYSNR": "00"}}))
	for _, name := range []string{"STANDARD_TEST", "INI_TEST", "ENV_TEST", "CODE_TEST"} {
		_, _, err := destination.Load(t.Context(), p, name)
		require.NoError(t, err)
	}
}

// S-03: whatever the trace settings are, nothing is written to the working directory.
func TestS03NoTraceFile(t *testing.T) {
	sys := rfctest.NewSystem(t)
	t.Chdir(t.TempDir())
	cfg := sys.Config()
	p := cfg.Properties()
	p.Set(destination.KeyTrace, "1")
	p.Set(destination.KeyCPICTrace, "3")
	cfg, eff, err := destination.ParseProperties("", p)
	require.NoError(t, err)
	require.Contains(t, warned(eff), "no trace file is written")
	conn, err := destination.Dial(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, conn.Ping(t.Context()))
	require.NoError(t, conn.Close())
	list, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Empty(t, list)
}

// TestProvidersCompleteAConfig: what is no text comes along with the properties, and only if
// nothing else is wrong.
func TestProvidersCompleteAConfig(t *testing.T) {
	t.Parallel()
	p := destination.NewProperties(map[string]string{"ASHOST": "h", "SYSNR": "00"})
	plain := p.Fingerprint()
	p.Complete(func(cfg *destination.Config) error {
		require.Equal(t, "h", cfg.ApplicationServer)
		cfg.Description = "first"
		return nil
	})
	first := p
	p.Complete(func(cfg *destination.Config) error {
		cfg.Description += " second"
		if cfg.Client == "300" {
			return errors.New("no binding")
		}
		return nil
	})
	require.Equal(t, plain, p.Fingerprint())
	var third destination.Properties
	third.Complete(func(cfg *destination.Config) error {
		cfg.Description += " third"
		return nil
	})
	for want, p := range map[string]destination.Properties{
		"first": first, "first second": p, "first third": first.With(third), "first second ": p.Without(destination.KeyClient),
	} {
		cfg, _, err := destination.ParseProperties("A", p)
		require.NoError(t, err)
		require.Equal(t, strings.TrimSpace(want), cfg.Description)
	}
	p.Set("CLIENT", "300")
	_, _, err := destination.ParseProperties("A", p)
	require.ErrorIs(t, err, rfc.ErrConfig)
	require.ErrorContains(t, err, "no binding")
	p.Set("SYSNR", "x")
	_, _, err = destination.ParseProperties("A", p)
	require.ErrorContains(t, err, "jco.client.sysnr")
	require.NotContains(t, err.Error(), "no binding")
}
