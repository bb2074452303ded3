-- The login of a simple client: no body.
dofile('report.lua')

wrk.method = 'POST'
