# Temporal as in production, under the official names and laid out as the official images are (paths, users, working
# folders); those are made of Alpine, whose small programs Debian's busybox has, too. See ../stand_ins.py.
ARG BASE=ordermesh-stand-in

FROM ${BASE} AS temporal-server
RUN useradd --uid 1000 temporal && ln -s "$(command -v busybox)" /usr/bin/wget
COPY temporal-server /usr/local/bin/temporal-server
WORKDIR /etc/temporal
USER temporal

FROM ${BASE} AS temporal-admin-tools
RUN useradd --uid 1000 temporal
COPY temporal temporal-sql-tool /usr/local/bin/
USER temporal

FROM ${BASE} AS temporal-ui
RUN useradd --uid 1000 temporal
WORKDIR /home/ui-server
COPY ui-server ui-server
COPY ui-server.yaml config/docker.yaml
RUN printf '#!/bin/sh\nexec ./ui-server --env docker start\n' > start-ui-server.sh && chmod 755 start-ui-server.sh
USER temporal
ENTRYPOINT ["./start-ui-server.sh"]
