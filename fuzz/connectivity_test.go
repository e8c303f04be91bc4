package fuzz_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/purerfc/purerfc/connectivity"
	"github.com/purerfc/purerfc/destination"
)

// fuzzCanary is a secret that no error may show.
const fuzzCanary = "kAnarY7#x"

// useBinding asks a binding for everything; no error may show a secret.
func useBinding(t *testing.T, b connectivity.Binding) {
	_, err1 := b.Client(connectivity.ServiceXSUAA)
	_, err2 := b.Destination()
	_, err3 := b.Connectivity()
	if text := fmt.Sprintf("%v %+v %v %v %v", b, b, err1, err2, err3); strings.Contains(text, fuzzCanary) && !strings.Contains(b.Name+b.Label+b.Plan+strings.Join(b.Tags, ""), fuzzCanary) {
		t.Fatalf("a secret is shown: %s", text)
	}
}

// FuzzServiceBindings reads VCAP_SERVICES, and the same bytes as the files of a mounted binding.
func FuzzServiceBindings(f *testing.F) {
	for _, s := range []string{
		`{"connectivity":[{"name":"c","label":"connectivity","tags":["connectivity"],"credentials":{"clientid":"sb-1","clientsecret":"` + fuzzCanary + `","token_service_url":"https://a.authentication.example.com","onpremise_proxy_host":"10.0.0.1","onpremise_proxy_http_port":"20003","onpremise_socks5_proxy_port":20004}}]}`,
		`{"destination":[{"name":"d","credentials":{"clientid":"sb-2","credential-type":"x509","certificate":"-----BEGIN CERTIFICATE-----","key":"` + fuzzCanary + `","certurl":"https://c","uri":"https://d"}}]}`,
		`{"metaDataProperties":[{"name":"type","format":"text"},{"name":"tags","format":"json"}],"credentialProperties":[{"name":"credentials","format":"json","container":true}]}`,
		`{"credentials":{"clientid":"sb"},"instance_name":"x"}`, `["destination","conn"]`, `{}`, `[`, "destination\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		list, err := connectivity.ParseVCAP(doc)
		if err == nil {
			for _, b := range list {
				useBinding(t, b)
			}
		}
		for _, names := range [][]string{{"binding.json"}, {".metadata", "credentials", "tags"}, {"credentials.json", "type"}, {"clientid", "tags", "uri"}} {
			dir := fstest.MapFS{}
			for _, name := range names {
				dir["b/"+name] = &fstest.MapFile{Data: doc}
			}
			if b, err := connectivity.ReadMounted(dir, "b"); err == nil {
				useBinding(t, b)
			}
		}
	})
}

// FuzzDestinationAnswer reads what a destination service may say, and uses it.
func FuzzDestinationAnswer(f *testing.F) {
	for _, s := range []string{
		`{"owner":{"SubaccountId":"0b1f0c52"},"destinationConfiguration":{"Name":"A","Type":"RFC","jco.client.ashost":"h","jco.client.sysnr":"07","jco.client.client":"210","User":"U","Password":"` + fuzzCanary + `","n":1,"b":true}}`,
		`{"destinationConfiguration":{"Type":"HTTP","$metadata":{"owner":{}}},"authTokens":[{"type":"Bearer","value":"` + fuzzCanary + `","http_header":{"key":"Authorization","value":"Bearer x"},"expires_in":"3599"}]}`,
		`{"destinationConfiguration":{},"authTokens":[{"type":"","value":"","error":"no"}],"certificates":[]}`,
		`{"destinationConfiguration":{"a":"b"},"certificates":[{"Name":"k.p12","Content":"AAAA","Type":"CERTIFICATE"},{"name":"k.jks","content":"/u3+7Q=="}]}`, `[]`, `{`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		found, err := connectivity.ParseFound("A", doc)
		if found == nil || err != nil {
			return
		}
		for _, token := range found.Tokens {
			if strings.ContainsAny(token.Header+token.HeaderValue(), "\r\n") {
				t.Fatal("a token would be two headers")
			}
		}
		for _, c := range found.Certificates {
			_, _ = found.Certificate(c.Name)
		}
		_, _, err = destination.ParseProperties("A", found.Properties)
		if text := fmt.Sprintf("%v %+v %v", found, *found, err); strings.Contains(text, fuzzCanary) && strings.Contains(string(doc), `"`+fuzzCanary+`"`) && len(found.Tokens) > 0 && found.Tokens[0].Reveal() == fuzzCanary && strings.Count(string(doc), fuzzCanary) == 1 {
			t.Fatalf("a token is shown: %s", text)
		}
	})
}
