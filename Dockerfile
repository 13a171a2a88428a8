# syntax=docker/dockerfile:1
# One image for the API and the workers; the command says which. EXTRAS=ml adds torch, for the worker that has a GPU.
FROM python:3.11-slim AS build
ARG EXTRAS=""
WORKDIR /src
RUN python -m venv /opt/kilo
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/kilo/bin/pip install --disable-pip-version-check --constraint constraints.txt ".${EXTRAS:+[$EXTRAS]}"

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/kilo --create-home kilo
COPY --from=build /opt/kilo /opt/kilo
ENV PATH=/opt/kilo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    KILO_HOME=/var/lib/kilo
USER kilo
WORKDIR /var/lib/kilo
VOLUME /var/lib/kilo
EXPOSE 8400
CMD ["kilo", "api", "--host", "0.0.0.0"]
