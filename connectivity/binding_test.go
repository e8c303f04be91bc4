package connectivity_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/connectivity"
	"github.com/purerfc/purerfc/rfc"
)

// vcap is the example of spec 30 section 14.4, with a canary in each secret.
const vcap = `{"connectivity":[{"name":"conn-a","label":"connectivity","plan":"lite","tags":["connectivity","conn","connsvc"],
  "credentials":{"clientid":"sb-conn-17","clientsecret":"` + canary + `=","token_service_url":"https://acme.authentication.example.com",
  "onpremise_proxy_host":"10.20.30.40","onpremise_proxy_http_port":"20003","onpremise_socks5_proxy_port":"20004","onpremise_proxy_rfc_port":"20001"}}],
 "destination":[{"name":"dest-a","label":"destination","plan":"lite","tags":["destination"],
  "credentials":{"clientid":"sb-dest-23","clientsecret":"` + canary + `=","uri":"https://destinations.example.com","url":"https://acme.authentication.example.com"}}]}`

func TestBindingsOfCloudFoundry(t *testing.T) {
	t.Parallel()
	b := read(t, vcap)
	require.Len(t, b.All(), 2)
	x, err := b.Find(connectivity.ServiceConnectivity, "")
	require.NoError(t, err)
	require.Equal(t, []string{"conn-a", "lite", "VCAP_SERVICES: $.connectivity[0]"}, []string{x.Name, x.Plan, x.Place})
	c, err := x.Connectivity()
	require.NoError(t, err)
	require.Equal(t, []string{"10.20.30.40", "20004", "20003", "sb-conn-17", canary + "=", "https://acme.authentication.example.com/oauth/token"},
		[]string{c.Host, c.SOCKSPort, c.HTTPPort, c.ID, c.Secret.Reveal(), c.TokenURL})
	x, err = b.Find(connectivity.ServiceDestination, "dest-a")
	require.NoError(t, err)
	d, err := x.Destination()
	require.NoError(t, err)
	require.Equal(t, "https://destinations.example.com", d.URL)
	require.Equal(t, "https://acme.authentication.example.com/oauth/token", d.TokenURL)

	for _, v := range []any{b, x, &x, c, *c.Client, c.Client, d, b.All()} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			require.NotContains(t, fmt.Sprintf(format, v), canary)
		}
		doc, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(doc), canary)
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		require.NotContains(t, log.String(), canary)
	}
}

// TestNumbersAndOldNamesAreRead: ports as numbers, onpremise_proxy_port, the endpoint with its path.
func TestNumbersAndOldNamesAreRead(t *testing.T) {
	t.Parallel()
	doc := replaced(vcap, `"20004"`, `20004`, `onpremise_proxy_http_port`, `onpremise_proxy_port`, `"https://acme.authentication.example.com","onpremise`, `"https://acme.authentication.example.com/oauth/token","onpremise`)
	x, err := read(t, doc).Find(connectivity.ServiceConnectivity, "")
	require.NoError(t, err)
	c, err := x.Connectivity()
	require.NoError(t, err)
	require.Equal(t, []string{"20004", "20003", "https://acme.authentication.example.com/oauth/token"}, []string{c.SOCKSPort, c.HTTPPort, c.TokenURL})
}

func TestBindingsFromAFile(t *testing.T) {
	t.Parallel()
	dir := files(t, map[string]string{"vcap.json": vcap})
	b, err := connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"VCAP_SERVICES_FILE_PATH": filepath.Join(dir, "vcap.json")}), Mounts: []string{}})
	require.NoError(t, err)
	require.Len(t, b.All(), 2)
	_, err = connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"VCAP_SERVICES_FILE_PATH": filepath.Join(dir, "none.json")}), Mounts: []string{}})
	contains(t, err, "VCAP_SERVICES_FILE_PATH", "none.json")
}

func TestSeveralInstancesNeedAChoice(t *testing.T) {
	t.Parallel()
	two := replaced(vcap, `"destination":[`, `"destination":[{"name":"other","instance_name":"inst-b","label":"destination","credentials":{}},`)
	_, err := read(t, two).Find(connectivity.ServiceDestination, "")
	contains(t, err, "several bindings of service destination", "inst-b", "dest-a", "$.destination[1]", "destination_instance_name")
	for _, name := range []string{"inst-b", "other"} {
		x, err := read(t, two).Find(connectivity.ServiceDestination, name)
		require.NoError(t, err)
		require.Equal(t, "inst-b", x.Name)
	}
	b, err := connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"VCAP_SERVICES": two, "destination_instance_name": "dest-a"}), Mounts: []string{}})
	require.NoError(t, err)
	x, err := b.Find(connectivity.ServiceDestination, "")
	require.NoError(t, err)
	require.Equal(t, "dest-a", x.Name)
	_, err = b.Find(connectivity.ServiceDestination, "dset-a")
	contains(t, err, `no binding "dset-a" of service destination`, "inst-b, dest-a")
	_, err = b.Find(connectivity.ServiceXSUAA, "")
	contains(t, err, "no binding of service xsuaa", "VCAP_SERVICES")
	require.ErrorIs(t, err, rfc.ErrConfig)
}

// TestUserProvidedBindingIsFoundByTag: one that a person made has the label user-provided.
func TestUserProvidedBindingIsFoundByTag(t *testing.T) {
	t.Parallel()
	x, err := read(t, `{"user-provided":[{"name":"mine","label":"user-provided","tags":["destination"],"credentials":{}}]}`).Find(connectivity.ServiceDestination, "")
	require.NoError(t, err)
	require.Equal(t, "mine", x.Name)
}

// TestWrongBindingsNameThePath is bad input B-53 and its relatives.
func TestWrongBindingsNameThePath(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		doc  string
		want []string
	}{
		"B-53 no port":        {replaced(vcap, `"onpremise_socks5_proxy_port":"20004",`, "", `"onpremise_proxy_http_port":"20003",`, ""), []string{"lacks VCAP_SERVICES: $.connectivity[0].credentials.onpremise_socks5_proxy_port"}},
		"B-53 wrong type":     {replaced(vcap, `"20004"`, `["`+canary+`"]`), []string{"$.connectivity[0].credentials.onpremise_socks5_proxy_port: text or number required"}},
		"B-53 no number":      {replaced(vcap, `"20004"`, `"`+canary+`"`), []string{"onpremise_socks5_proxy_port: port 1-65535 required"}},
		"port 0":              {replaced(vcap, `"20004"`, `"0"`), []string{"port 1-65535 required"}},
		"port with sign":      {replaced(vcap, `"20004"`, `"+1"`), []string{"port 1-65535 required"}},
		"several are missing": {replaced(vcap, `"clientid":"sb-conn-17","clientsecret"`, `"secret"`, `"onpremise_proxy_host"`, `"host"`), []string{"credentials.clientid", "credentials.clientsecret", "credentials.onpremise_proxy_host"}},
		"http":                {replaced(vcap, `"token_service_url":"https:`, `"token_service_url":"http:`), []string{"credentials.token_service_url", `scheme "http"`, "https required"}},
		"user in the URL":     {replaced(vcap, `"token_service_url":"https://`, `"token_service_url":"https://u:p@`), []string{"without user"}},
		"no URL":              {replaced(vcap, `"token_service_url":"https://acme.authentication.example.com"`, `"token_service_url":"`+canary+`"`), []string{"not a URL"}},
		"host with port":      {replaced(vcap, `10.20.30.40`, `10.20.30.40:1`), []string{"onpremise_proxy_host", "without port"}},
		"x509 without all":    {replaced(vcap, `"clientsecret":"`+canary+`=","token`, `"credential-type":"x509","token`), []string{"credentials.certificate", "credentials.key", "credentials.certurl"}},
		"x509 with no pair":   {replaced(vcap, `"clientsecret":"`+canary+`=","token`, `"credential-type":"x509","certurl":"https://acme.authentication.cert.example.com","certificate":"x","key":"`+canary+`","token`), []string{"credentials.certificate", "PEM pair"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, err := read(t, tt.doc).Find(connectivity.ServiceConnectivity, "")
			require.NoError(t, err)
			_, err = x.Connectivity()
			contains(t, err, tt.want...)
			require.ErrorIs(t, err, rfc.ErrConfig)
		})
	}
	x, err := read(t, replaced(vcap, `"uri":"https:`, `"uri":"http:`)).Find(connectivity.ServiceDestination, "")
	require.NoError(t, err)
	_, err = x.Destination()
	contains(t, err, "$.destination[0].credentials.uri", "https required")
}

func TestMalformedDocuments(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{"destination":` + canary:           "VCAP_SERVICES: not JSON, behind byte",
		`[]`:                                 "JSON object { } required",
		`{} "` + canary + `"`:                "something stands behind",
		`{"destination":{}}`:                 "$.destination: list of bindings required",
		`{"destination":["` + canary + `"]}`: "$.destination[0]: object required",
		`{"destination":[{"credentials":"` + canary + `"}]}`:      "$.destination[0].credentials: object required",
		`{"destination":[` + strings.Repeat("{},", 1000) + "{}]}": "more than 1000 bindings",
		`{"a":"` + strings.Repeat("x", 4<<20) + `"}`:              "at most 4194304",
	} {
		_, err := connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"VCAP_SERVICES": doc}), Mounts: []string{}})
		contains(t, err, want)
	}
}

func TestCertificateBinding(t *testing.T) {
	t.Parallel()
	cert, key := pemPair(t)
	for _, lines := range []string{"\n", `\n`} {
		credentials, err := json.Marshal(map[string]string{
			"clientid": "sb-dest-x", "credential-type": "x509", "certurl": "https://acme.authentication.cert.example.com", "url": "https://acme.authentication.example.com",
			"uri": "https://destinations.example.com", "certificate": strings.ReplaceAll(cert, "\n", lines), "key": strings.ReplaceAll(key, "\n", lines),
		})
		require.NoError(t, err)
		x, err := read(t, `{"destination":[{"name":"d","credentials":`+string(credentials)+`}]}`).Find(connectivity.ServiceDestination, "")
		require.NoError(t, err)
		d, err := x.Destination()
		require.NoError(t, err)
		require.NotNil(t, d.Certificate)
		doc, err := json.Marshal(d)
		require.NoError(t, err)
		require.NotContains(t, string(doc), "PrivateKey")
		require.Empty(t, d.Secret)
		require.Equal(t, "https://acme.authentication.cert.example.com/oauth/token", d.TokenURL)
	}
}

func TestBindingsOfKubernetes(t *testing.T) {
	t.Parallel()
	flat := map[string]string{
		"type": "destination", "provider": "sap", "tags": `["destination","conn"]`, "plan": "lite", "instance_name": "dest-k",
		"clientid": "sb-dest-23\n", "clientsecret": canary, "uri": "https://destinations.example.com", "url": "https://acme.authentication.example.com",
	}
	credentials := `{"clientid":"sb-dest-23","clientsecret":"` + canary + `","uri":"https://destinations.example.com","url":"https://acme.authentication.example.com"}`
	for name, tree := range map[string]map[string]string{
		"flat": flat,
		"flat with .metadata": with(flat, ".metadata", `{"metaDataProperties":[{"name":"type","format":"text"},{"name":"plan","format":"text"},{"name":"tags","format":"json"},{"name":"instance_name","format":"text"},{"name":"none","format":"text"}],
			"credentialProperties":[{"name":"clientid","format":"text"},{"name":"clientsecret","format":"text"},{"name":"uri","format":"text"}]}`),
		".metadata with a container": {
			".metadata": `{"metaDataProperties":[{"name":"instance_name","format":"text"},{"name":"plan","format":"text"},{"name":"type","sourceName":"kind","format":"text"}],"credentialProperties":[{"name":"creds","format":"json","container":true}]}`,
			"creds":     credentials, "instance_name": "dest-k", "plan": "lite", "kind": "destination",
		},
		"one document":     {"binding.json": `{"name":"dest-k","label":"destination","plan":"lite","credentials":` + credentials + `}`},
		"credentials":      {"credentials": credentials, "type": "destination", "plan": "lite", "instance_name": "dest-k"},
		"credentials.json": {"credentials.json": credentials, "type": "destination", "plan": "lite", "instance_name": "dest-k"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inside := map[string]string{}
			for file, content := range tree {
				inside["mydest/"+file] = content
			}
			root := files(t, inside)
			b, err := connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"SERVICE_BINDING_ROOT": root}), Mounts: []string{}})
			require.NoError(t, err)
			x, err := b.Find(connectivity.ServiceDestination, "")
			require.NoError(t, err)
			require.Equal(t, []string{"dest-k", "lite", filepath.ToSlash(root) + "/mydest"}, []string{x.Name, x.Plan, filepath.ToSlash(x.Place)})
			d, err := x.Destination()
			require.NoError(t, err)
			require.Equal(t, []string{"sb-dest-23", canary, "https://destinations.example.com"}, []string{d.ID, d.Secret.Reveal(), d.URL})
			_, err = b.Find(connectivity.ServiceDestination, "mydest")
			require.NoError(t, err, "the name of the directory is good as well")
		})
	}
}

func with(m map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	maps.Copy(out, m)
	return out
}

// TestKubernetesVolume follows the links of a mounted secret, and passes over what Kubernetes
// keeps beside them.
func TestKubernetesVolume(t *testing.T) {
	t.Parallel()
	root := files(t, map[string]string{
		"d/..2026_11_20/clientid": "sb-1", "d/..2026_11_20/clientsecret": canary, "d/..2026_11_20/uri": "https://d.example.com",
		"d/..2026_11_20/url": "https://acme.authentication.example.com", "d/..2026_11_20/type": "destination",
	})
	if err := os.Symlink("..2026_11_20", filepath.Join(root, "d", "..data")); err != nil {
		t.Skip("LOUD: this system makes no links, so that those of Kubernetes are not tested: " + err.Error())
	}
	for _, f := range []string{"clientid", "clientsecret", "uri", "url", "type"} {
		require.NoError(t, os.Symlink("..data/"+f, filepath.Join(root, "d", f)))
	}
	b, err := connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"SERVICE_BINDING_ROOT": root}), Mounts: []string{}})
	require.NoError(t, err)
	x, err := b.Find(connectivity.ServiceDestination, "d")
	require.NoError(t, err)
	_, err = x.Destination()
	require.NoError(t, err)

	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(root, "d", "out")))
	_, err = connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"SERVICE_BINDING_ROOT": root}), Mounts: []string{}})
	contains(t, err, "escapes")
}

// TestDefaultMounts: grouped by service; the address of the proxy comes from a config map that
// is mounted beside the binding of the plan connectivity_proxy.
func TestDefaultMounts(t *testing.T) {
	t.Parallel()
	root := files(t, map[string]string{
		"connectivity/proxy/clientid": "sb-conn", "connectivity/proxy/clientsecret": canary,
		"connectivity/proxy/token_service_url":          "https://acme.authentication.eu10.example.com/oauth/token",
		"connectivity/proxy/token_service_url_pattern":  "https://{tenant}.authentication.eu10.example.com/oauth/token",
		"connectivity/proxy/subaccount_subdomain":       "acme",
		"connectivity/info/.metadata":                   `{"credentialProperties":[{"name":"onpremise_proxy_host","format":"text"}],"metaDataProperties":[]}`,
		"connectivity/info/onpremise_proxy_host":        "connectivity-proxy.kyma-system.svc.cluster.local",
		"connectivity/info/onpremise_socks5_proxy_port": "20004",
		"connectivity/info/onpremise_proxy_http_port":   "20003",
	})
	b, err := connectivity.ReadBindings(connectivity.Sources{Env: env(nil), Mounts: []string{root, filepath.Join(root, "none")}})
	require.NoError(t, err)
	x, err := b.Find(connectivity.ServiceConnectivity, "")
	require.NoError(t, err)
	require.Equal(t, []string{"proxy", "connectivity"}, []string{x.Name, x.Label})
	c, err := x.Connectivity()
	require.NoError(t, err)
	require.Equal(t, []string{"connectivity-proxy.kyma-system.svc.cluster.local", "20004", "https://acme.authentication.eu10.example.com/oauth/token"}, []string{c.Host, c.SOCKSPort, c.TokenURL})
}

// TestFirstPlaceWins: VCAP_SERVICES comes before mounts, for each service by itself.
func TestFirstPlaceWins(t *testing.T) {
	t.Parallel()
	root := files(t, map[string]string{"destination/k/clientid": "sb-k", "xsuaa/x/clientid": "sb-x"})
	b, err := connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"VCAP_SERVICES": vcap}), Mounts: []string{root}})
	require.NoError(t, err)
	x, err := b.Find(connectivity.ServiceDestination, "")
	require.NoError(t, err)
	require.Equal(t, "dest-a", x.Name)
	x, err = b.Find(connectivity.ServiceXSUAA, "")
	require.NoError(t, err)
	require.Equal(t, "x", x.Name)
	x, err = b.Find(connectivity.ServiceDestination, "k")
	require.NoError(t, err, "a name finds it in a later place")
	require.Equal(t, "k", x.Name)
}

func TestMountedBindingsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 257 {
		many[fmt.Sprintf("d/f%d", i)] = "x"
	}
	for name, tt := range map[string]struct {
		tree map[string]string
		want string
	}{
		".metadata":            {map[string]string{"d/.metadata": canary}, ".metadata: not JSON"},
		"credentials":          {map[string]string{"d/credentials": canary, "d/type": "x"}, "credentials: not JSON"},
		"container of text":    {map[string]string{"d/.metadata": `{"credentialProperties":[{"name":"c","format":"json","container":true}]}`, "d/c": `"` + canary + `"`}, "c: object required"},
		"member of no JSON":    {map[string]string{"d/.metadata": `{"credentialProperties":[{"name":"c","format":"json"}]}`, "d/c": canary + "}"}, "c: not JSON"},
		"too many files":       {many, "more than 256 files"},
		"a file that is large": {map[string]string{"d/a": strings.Repeat("x", 4<<20+1)}, "more than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := files(t, tt.tree)
			_, err := connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"SERVICE_BINDING_ROOT": root}), Mounts: []string{}})
			contains(t, err, "SERVICE_BINDING_ROOT", filepath.Join(root, "d"), tt.want)
		})
	}
	_, err := connectivity.ReadBindings(connectivity.Sources{Env: env(map[string]string{"SERVICE_BINDING_ROOT": filepath.Join(t.TempDir(), "none")}), Mounts: []string{}})
	contains(t, err, "SERVICE_BINDING_ROOT", "none")
}
