// Package connectivitytest has doubles of the services of SAP BTP for tests, as httptest has
// web servers: the token service XSUAA, the destination service, and the HTTP proxy of the
// connectivity service. NewAccount starts all of them with the VCAP_SERVICES that leads there.
// The SOCKS5 proxy is package proxy's Server.
//
// They answer as the public guide describes the services, and refuse what those would refuse;
// Faults make them misbehave. They are doubles for tests: tokens are signed by nobody.
package connectivitytest
